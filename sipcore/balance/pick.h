// Choices over what destinations are doing now, for which no table can be built beforehand. Each
// looks at all of a list once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sipcore {

inline constexpr uint16_t kNobody = 0xffff;

// Destination i with the chance weight(i) of the sum of all weights. `random` is drawn by the
// caller, evenly over 64 bits. kNobody: all weights are 0.
template <class Weight>
uint16_t pick_by_weight(uint64_t random, size_t count, Weight weight) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; ++i) sum += weight(i);
  if (sum == 0) return kNobody;
  uint64_t at = random % sum;  // far smaller than 2^64: as good as even
  for (size_t i = 0; i < count; ++i) {
    uint64_t own = weight(i);
    if (at < own) return static_cast<uint16_t>(i);
    at -= own;
  }
  return kNobody;  // the weights were changed by others meanwhile
}

inline constexpr uint64_t kNever = ~uint64_t{0};

// The destination of the lowest cost(i); of equal ones one by its weight(i), `random` as above. A
// cost of kNever is not chosen. kNobody: all are so.
template <class Cost, class Weight>
uint16_t pick_least(uint64_t random, size_t count, Cost cost, Weight weight) {
  uint64_t lowest = kNever;
  uint16_t first = kNobody;
  for (size_t i = 0; i < count; ++i) {
    uint64_t own = cost(i);
    if (own >= lowest) continue;
    lowest = own;
    first = static_cast<uint16_t>(i);
  }
  if (first == kNobody) return kNobody;
  uint16_t one = pick_by_weight(
      random, count, [&](size_t i) -> uint64_t { return cost(i) <= lowest ? weight(i) : 0; });
  return one == kNobody ? first : one;  // costs were changed by others meanwhile
}

}  // namespace sipcore
