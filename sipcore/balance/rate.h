// A rate with a burst, as one point in time that threads share: the generic cell rate algorithm
// (ITU-T I.371). What conforms moves the point on by the time that one event takes; who would move
// it further ahead than the burst allows does not conform. No race admits one too many.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace sipcore {

struct Rate {
  uint32_t events = 0;  // in so many seconds; 0: no limit
  uint32_t burst = 1;   // of them may come at once
  uint32_t seconds = 1;

  bool any() const { return events > 0; }

  // `theoretical_ns` is 0 at first; `now_ns` never goes back for one thread.
  bool take(std::atomic<uint64_t>& theoretical_ns, uint64_t now_ns) const {
    if (!any()) return true;
    uint64_t at = read(theoretical_ns, now_ns);
    while (true) {
      uint64_t from = std::max(at, now_ns);
      if (from - now_ns > ahead_ns()) return false;
      if (theoretical_ns.compare_exchange_weak(at, from + each_ns(), std::memory_order_relaxed)) {
        return true;
      }
    }
  }

  // What take() has taken, for an event that does not come about.
  void give_back(std::atomic<uint64_t>& theoretical_ns) const {
    if (any()) theoretical_ns.fetch_sub(each_ns(), std::memory_order_relaxed);
  }

  // Whether take() would succeed now.
  bool has_room(std::atomic<uint64_t>& theoretical_ns, uint64_t now_ns) const {
    return !any() || read(theoretical_ns, now_ns) <= now_ns + ahead_ns();
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
  uint64_t each_ns() const { return uint64_t{1000000000} * seconds / events; }
  uint64_t ahead_ns() const { return each_ns() * (std::max(burst, 1U) - 1); }
};

// Two windows at once: a peak, and what may come in a longer time. What the second one refuses has
// taken its turn in the first for a moment; giving it back in a race may let one more through.
struct CallRate {
  struct State {
    std::atomic<uint64_t> peak_ns{0}, sustained_ns{0};
  };
  Rate peak;
  Rate sustained{0, 1, 60};

  bool any() const { return peak.any() || sustained.any(); }
  bool take(State& state, uint64_t now_ns) const {
    if (!has_room(state, now_ns) || !peak.take(state.peak_ns, now_ns)) return false;
    if (sustained.take(state.sustained_ns, now_ns)) return true;
    peak.give_back(state.peak_ns);
    return false;
  }
  void give_back(State& state) const {
    peak.give_back(state.peak_ns);
    sustained.give_back(state.sustained_ns);
  }
  bool has_room(State& state, uint64_t now_ns) const {
    return peak.has_room(state.peak_ns, now_ns) && sustained.has_room(state.sustained_ns, now_ns);
  }
};

}  // namespace sipcore
