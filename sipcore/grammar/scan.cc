#include "sipcore/grammar/scan.h"

#include <immintrin.h>

#include <bit>
#include <cstring>

#include "sipcore/grammar/char_run.h"

namespace sipcore {
namespace {

constexpr size_t kBlock = kMarks;

struct Masks {
  uint64_t cr, lf, colon;
};

// Builds the lines from the structural bytes, in order. Both block widths and the tail use it.
class LineBuilder {
 public:
  LineBuilder(std::string_view text, std::span<Line> lines) : text_(text), lines_(lines) {}

  // The first colon of the line in hand.
  void colon(size_t at) { colon_ = static_cast<uint16_t>(at); }
  bool has_colon() const { return colon_ != kNoColon; }

  // A CR LF pair ends at `at`, the offset of LF. True when the section ends or is refused.
  bool line_break(size_t at) {
    if (at == begin_ + 1) return finish(at + 1);
    bool fold = count_ > 0 && (text_[begin_] == ' ' || text_[begin_] == '\t');
    if (fold && count_ == 1) return refuse(ScanStatus::kLeadingFold);
    if (!fold && count_ == lines_.size()) return refuse(ScanStatus::kTooManyLines);
    if (!fold) lines_[count_++] = {static_cast<uint16_t>(begin_), colon_, 0};
    lines_[count_ - 1].end = static_cast<uint16_t>(at - 1);
    begin_ = at + 1;
    colon_ = kNoColon;
    return false;
  }

  bool refuse(ScanStatus status) {
    result_ = {status, static_cast<uint16_t>(count_), 0};
    return true;
  }

  // Text that ends before its empty line does is reported with the lines that were complete.
  ScanResult result() {
    if (result_.status == ScanStatus::kNoEmptyLine) result_.lines = static_cast<uint16_t>(count_);
    return result_;
  }

 private:
  bool finish(size_t body) {
    result_ = {ScanStatus::kOk, static_cast<uint16_t>(count_), static_cast<uint16_t>(body)};
    return true;
  }

  std::string_view text_;
  std::span<Line> lines_;
  size_t count_ = 0;
  size_t begin_ = 0;
  uint16_t colon_ = kNoColon;
  ScanResult result_{ScanStatus::kNoEmptyLine, 0, 0};
};

// What one block leaves for the next.
struct Carry {
  bool cr = false;         // its last byte was CR
  bool seek_colon = true;  // its last line has no colon yet
};

uint64_t lowest(uint64_t bits) { return bits & (~bits + 1); }

// The first colon of each line: a one added where a line begins runs, as a carry, through all ones
// up to the first colon, or to the end of the line.
uint64_t first_colons(const Masks& m, Carry& carry) {
  uint64_t begins = (m.lf << 1) | (carry.seek_colon ? 1U : 0U);
  uint64_t others = ~(m.colon | m.lf);
  uint64_t sum = others + begins;
  bool begin_behind = (m.lf >> 63) != 0;
  carry.seek_colon = sum < others || begin_behind;
  return sum & m.colon;
}

// One block's worth of structure; true: the section ends here, or is refused.
[[gnu::always_inline]] inline bool take_block(const Masks& m, size_t base, Carry& carry,
                                              LineBuilder& builder) {
  uint64_t paired = (m.cr << 1) | (carry.cr ? 1U : 0U);
  carry.cr = (m.cr >> 63) != 0;
  uint64_t lone = lowest(paired ^ m.lf);
  uint64_t before_lone = lone - 1;  // all, where there is none
  uint64_t colons = first_colons(m, carry);
  for (uint64_t breaks = m.lf & before_lone; breaks != 0;) {
    uint64_t bit = lowest(breaks);
    breaks ^= bit;
    uint64_t colon = colons & (bit - 1);
    if (colon != 0) builder.colon(base + static_cast<size_t>(std::countr_zero(colon)));
    colons ^= colon;
    if (builder.line_break(base + static_cast<size_t>(std::countr_zero(bit)))) return true;
  }
  if (lone != 0) return builder.refuse(ScanStatus::kLoneLineBreak);
  if (colons != 0) builder.colon(base + static_cast<size_t>(std::countr_zero(colons)));
  return false;
}

template <Masks (*kMasks)(const char*)>
[[gnu::always_inline]] inline ScanResult scan_with(std::string_view text, std::span<Line> lines) {
  LineBuilder builder(text, lines);
  Carry carry;
  size_t at = 0;
  for (; at + kBlock <= text.size(); at += kBlock) {
    if (take_block(kMasks(text.data() + at), at, carry, builder)) return builder.result();
  }
  char tail[kBlock] = {};  // the last bytes go through a copy: nothing is read past the datagram
  std::memcpy(tail, text.data() + at, text.size() - at);
  take_block(kMasks(tail), at, carry, builder);  // a CR at the very end counts as lone
  return builder.result();
}

// A bit for each of 64 bytes that is this character.
uint64_t marks_of(const char* bytes, char wanted) {
  const __m128i sought = _mm_set1_epi8(wanted);
  uint64_t marks = 0;
  for (size_t i = 0; i < kBlock / 16; ++i) {
    __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + 16 * i));
    auto equal = static_cast<uint16_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, sought)));
    marks |= uint64_t{equal} << (16 * i);
  }
  return marks;
}

Masks masks_sse(const char* p) { return {marks_of(p, '\r'), marks_of(p, '\n'), marks_of(p, ':')}; }

[[gnu::target("avx2,bmi,bmi2")]] uint64_t equal32(__m256i bytes, char wanted) {
  return static_cast<uint32_t>(
      _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(wanted))));
}

[[gnu::target("avx2,bmi,bmi2")]] Masks masks_avx2(const char* p) {
  __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32));
  return {equal32(low, '\r') | equal32(high, '\r') << 32,
          equal32(low, '\n') | equal32(high, '\n') << 32,
          equal32(low, ':') | equal32(high, ':') << 32};
}

ScanResult scan_sse(std::string_view text, std::span<Line> lines) {
  return scan_with<masks_sse>(text, lines);
}

[[gnu::target("avx2,bmi,bmi2")]] ScanResult scan_avx2(std::string_view text,
                                                      std::span<Line> lines) {
  return scan_with<masks_avx2>(text, lines);
}

using Scan = ScanResult (*)(std::string_view, std::span<Line>);
const Scan kBestScan = __builtin_cpu_supports("avx2") ? scan_avx2 : scan_sse;

}  // namespace

ScanResult scan_lines(std::string_view text, std::span<Line> lines) {
  return kBestScan(text, lines);
}

ScanResult scan_lines_plain(std::string_view text, std::span<Line> lines) {
  LineBuilder builder(text, lines);
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    bool after_cr = at > 0 && text[at - 1] == '\r';
    if (after_cr != (c == '\n')) {
      builder.refuse(ScanStatus::kLoneLineBreak);
      return builder.result();
    }
    if (c == ':' && !builder.has_colon()) builder.colon(at);
    if (c == '\n' && builder.line_break(at)) return builder.result();
  }
  if (!text.empty() && text.back() == '\r') builder.refuse(ScanStatus::kLoneLineBreak);
  return builder.result();
}

}  // namespace sipcore
