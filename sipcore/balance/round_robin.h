// Weighted round robin in its smooth form: a destination of weight 5 among two of weight 1 is
// chosen as a b a a c a a, not five times in a row. The sequence is fixed when it is built (by
// control); a worker only moves its own cursor along it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sipcore/balance/pick.h"

namespace sipcore {

class RoundRobin {
 public:
  static constexpr size_t kMostSteps = 65536;

  // Weights are divided by their common divisor, and scaled down where the sequence would pass
  // kMostSteps. 0: never chosen.
  explicit RoundRobin(std::span<const uint32_t> weights);

  // The next destination that usable(index) accepts, from `cursor` on, or kNobody. The cursor
  // belongs to the caller and moves behind the chosen step.
  template <class Usable>
  uint16_t select(uint32_t& cursor, Usable usable) const {
    for (size_t tried = 0; tried < steps_.size(); ++tried) {
      // A sequence of large weights is long: where nobody is usable there is no need to walk it.
      if (tried == many_ && !any(usable)) return kNobody;
      uint16_t index = steps_[cursor++ % steps_.size()];
      if (usable(index)) return index;
    }
    return kNobody;
  }

  std::span<const uint16_t> steps() const { return steps_; }

 private:
  template <class Usable>
  bool any(Usable usable) const {
    for (uint16_t index = 0; index < many_; ++index) {
      if (usable(index)) return true;
    }
    return false;
  }

  size_t many_;
  std::vector<uint16_t> steps_;
};

}  // namespace sipcore
