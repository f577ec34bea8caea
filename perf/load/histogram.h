// Counts durations in bins that are at most 1 % wide, so that a percentile is right to 1 %.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace load {

class Histogram {
 public:
  Histogram() : bins_(64 << kFineBits) {}

  void add(uint64_t value) {
    ++bins_[bin_of(value)];
    ++count_;
  }
  uint64_t count() const { return count_; }

  // The value that the share `part` (0 to 1) of all values does not exceed.
  uint64_t percentile(double part) const {
    uint64_t wanted = static_cast<uint64_t>(part * static_cast<double>(count_)), seen = 0;
    for (size_t bin = 0; bin < bins_.size(); ++bin) {
      seen += bins_[bin];
      if (seen > wanted || (seen == count_ && seen > 0)) return lower_end(bin + 1);
    }
    return 0;
  }

 private:
  static constexpr unsigned kFineBits = 7;  // bins of one power of two: 128

  static size_t bin_of(uint64_t value) {
    if (value < (1U << kFineBits)) return value;
    unsigned power = static_cast<unsigned>(std::bit_width(value)) - 1;
    uint64_t fine = (value >> (power - kFineBits)) & ((1U << kFineBits) - 1);
    return ((power - kFineBits + 1) << kFineBits) + fine;
  }
  static uint64_t lower_end(size_t bin) {
    size_t group = bin >> kFineBits, fine = bin & ((1U << kFineBits) - 1);
    if (group == 0) return fine;
    return ((1ULL << kFineBits) + fine) << (group - 1);
  }

  std::vector<uint64_t> bins_;
  uint64_t count_ = 0;
};

}  // namespace load
