// What a destination is loaded with, and what it would cost to give it one request more. A cost has
// no unit: it is compared with that of others.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "sipcore/balance/pick.h"

namespace sipcore {

// Transaction Least-Work-Left (Jiang, Iyengar, Nahum, Segmuller, Tantawi, Wright: Design,
// Implementation, and Performance of a Load Balancer for SIP Server Clusters, IEEE/ACM Transactions
// on Networking 2012): an INVITE costs a server 1.75 times what another transaction costs. Counted
// in quarters.
inline constexpr uint32_t kWorkOfInvite = 7;
inline constexpr uint32_t kWorkOfOther = 4;

inline constexpr uint32_t kQuickUs = 1000;  // latency below which all are equal

struct Load {
  uint32_t weight = 1;
  uint32_t unit = 1;        // the weight is in such parts
  uint32_t capacity = 0;    // calls at a time; 0: `weight` says what it can do
  uint32_t calls = 0;       // in set-up and up
  uint32_t work = 0;        // of open transactions, in quarters
  uint32_t latency_us = 0;  // until the first response, lately; 0: not known
  uint32_t usual_us = 0;    // the same over a long time

  uint64_t strength() const { return capacity != 0 ? uint64_t{capacity} * unit : weight; }
};

inline uint64_t cost_per(uint64_t amount, uint64_t strength) {
  constexpr unsigned kFraction = 24;
  return strength == 0 ? kNever : (amount << kFraction) / strength;
}

// Fewest calls, relative to capacity where there is one, else to weight.
inline uint64_t cost_of_calls(const Load& load) { return cost_per(load.calls, load.strength()); }

inline uint64_t cost_of_work(const Load& load) { return cost_per(load.work, load.weight); }

// In steps of a fifth or so: what differs by less is equal.
inline uint64_t graded(uint64_t amount) {
  unsigned bits = static_cast<unsigned>(std::bit_width(amount));
  return bits < 3 ? amount : uint64_t{bits} * 4 + (amount >> (bits - 3) & 3);
}

// Lowest latency: what a request will wait that comes after those already there. Below a
// millisecond all are quick, and so is one that nothing is known of.
inline uint64_t cost_of_waiting(const Load& load) {
  constexpr uint32_t kMostWork = 1U << 24;  // no product of these passes 64 bits
  if (load.weight == 0) return kNever;
  uint64_t wait_us = std::max(load.latency_us, kQuickUs);
  return graded(wait_us *
                (uint64_t{load.weight} * kWorkOfOther +
                 uint64_t{std::min(load.work, kMostWork)} * load.unit) /
                load.weight);
}

// Congestion: the weight goes down as the latency goes up beyond what is usual, by the square of
// it; to a hundredth at the least, or nobody would notice when it is over. In 256ths.
inline uint64_t weight_by_congestion(const Load& load) {
  uint64_t whole = uint64_t{load.weight} * 256;
  uint32_t usual_us = std::max(load.usual_us, kQuickUs);
  if (load.latency_us <= usual_us) return whole;
  double ratio = static_cast<double>(usual_us) / load.latency_us;
  return static_cast<uint64_t>(static_cast<double>(whole) * std::max(ratio * ratio, 0.01));
}

// A moving average that gives each new sample a part of 2^-kShift. It is kept in as small parts, so
// that no difference is too small to move it.
template <unsigned kShift>
class Average {
 public:
  uint32_t value() const {
    return static_cast<uint32_t>(scaled_.load(std::memory_order_relaxed) >> kShift);
  }
  // 0: nothing was added yet. What was there before counts less, by half each of `halvings` times.
  // Of two threads that add at once one may lose its sample.
  void add(uint32_t sample, uint32_t halvings = 0) {
    uint64_t now = scaled_.load(std::memory_order_relaxed), more = std::max(sample, 1U);
    uint64_t next = now == 0 ? more << kShift : now - (now >> kShift) + more;
    auto whole = static_cast<int64_t>(more << kShift), beside = static_cast<int64_t>(next) - whole;
    scaled_.store(static_cast<uint64_t>(whole + beside / (int64_t{1} << halvings)),
                  std::memory_order_relaxed);
  }
  void forget() { scaled_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> scaled_{0};
};

// Until the first response: of late, and what is usual.
struct Latency {
  Average<3> lately_us;
  Average<10> usual_us;
  void add(uint32_t sample_us, uint32_t halvings = 0) {
    lately_us.add(sample_us, halvings);
    usual_us.add(sample_us);
  }
  void forget() {
    lately_us.forget();
    usual_us.forget();
  }
};

}  // namespace sipcore
