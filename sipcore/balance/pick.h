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

// The destination of the lowest cost(i); the search begins at a random one, so that equal ones take
// turns. A cost of kNever is not chosen. kNobody: all are so.
template <class Cost>
uint16_t pick_least(uint64_t random, size_t count, Cost cost) {
  uint64_t lowest = kNever;
  uint16_t best = kNobody;
  size_t first = count == 0 ? 0 : random % count;
  for (size_t n = 0; n < count; ++n) {
    size_t i = first + n < count ? first + n : first + n - count;
    uint64_t own = cost(i);
    if (own >= lowest) continue;
    lowest = own;
    best = static_cast<uint16_t>(i);
  }
  return best;
}

}  // namespace sipcore
