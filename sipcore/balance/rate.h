// A rate with a burst, as one point in time that threads share: the generic cell rate algorithm
// (ITU-T I.371). What conforms moves the point on by the time that one event takes; who would move
// it further ahead than the burst allows does not conform. No race admits one too many.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace sipcore {

struct Rate {
  uint32_t per_s = 0;  // 0: no limit
  uint32_t burst = 1;  // events that may come at once

  // `theoretical_ns` is 0 at first; `now_ns` never goes back for one thread.
  bool take(std::atomic<uint64_t>& theoretical_ns, uint64_t now_ns) const {
    if (per_s == 0) return true;
    uint64_t at = read(theoretical_ns, now_ns);
    while (true) {
      uint64_t from = std::max(at, now_ns);
      if (from - now_ns > ahead_ns()) return false;
      if (theoretical_ns.compare_exchange_weak(at, from + each_ns(), std::memory_order_relaxed)) {
        return true;
      }
    }
  }

  // Whether take() would succeed now.
  bool has_room(std::atomic<uint64_t>& theoretical_ns, uint64_t now_ns) const {
    return per_s == 0 || read(theoretical_ns, now_ns) <= now_ns + ahead_ns();
  }

 private:
  // A point much further ahead than this rate can have put it, more than the clocks of two threads
  // differ, is of a slower one, before a reload: it is brought back to where this one would refuse.
  uint64_t read(std::atomic<uint64_t>& theoretical_ns, uint64_t now_ns) const {
    uint64_t at = theoretical_ns.load(std::memory_order_relaxed);
    uint64_t furthest = now_ns + ahead_ns() + each_ns();
    constexpr uint64_t kClocksDiffer = 1000000000;
    while (at > furthest + kClocksDiffer) {
      if (theoretical_ns.compare_exchange_weak(at, furthest, std::memory_order_relaxed)) {
        return furthest;
      }
    }
    return at;
  }
  uint64_t each_ns() const { return 1000000000 / per_s; }
  uint64_t ahead_ns() const { return each_ns() * (std::max(burst, 1U) - 1); }
};

}  // namespace sipcore
