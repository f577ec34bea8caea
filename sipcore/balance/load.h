// What a destination is loaded with, and what it would cost to give it one request more. A cost has
// no unit: it is compared with that of others.
#pragma once

#include <algorithm>
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

struct Load {
  uint32_t weight = 1;
  uint32_t capacity = 0;    // calls at a time; 0: no limit, `weight` says what it can do
  uint32_t calls = 0;       // in set-up and up
  uint32_t work = 0;        // of open transactions, in quarters
  uint32_t latency_us = 0;  // until the first response, lately; 0: not known
  uint32_t usual_us = 0;    // the same over a long time

  bool full() const { return capacity != 0 && calls >= capacity; }
  uint32_t strength() const { return capacity != 0 ? capacity : weight; }
};

inline uint64_t cost_per(uint64_t amount, uint32_t strength) {
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
  constexpr uint32_t kQuickUs = 1000;
  constexpr uint32_t kMostWork = 1U << 24;  // no product of these passes 64 bits
  if (load.weight == 0) return kNever;
  uint64_t wait_us = std::max(load.latency_us, kQuickUs);
  return graded(wait_us * (uint64_t{load.weight} * kWorkOfOther + std::min(load.work, kMostWork)) /
                load.weight);
}

// Congestion: the weight goes down as the latency goes up beyond what is usual, by the square of
// it; to a hundredth at the least, or nobody would notice when it is over. In 256ths.
inline uint64_t weight_by_congestion(const Load& load) {
  uint64_t whole = uint64_t{load.weight} * 256;
  if (load.usual_us == 0 || load.latency_us <= load.usual_us) return whole;
  double ratio = static_cast<double>(load.usual_us) / load.latency_us;
  return static_cast<uint64_t>(static_cast<double>(whole) * std::max(ratio * ratio, 0.01));
}

// Moving averages of latency: the next value of one that gives each new sample a part of 2^-kShift.
template <unsigned kShift>
uint32_t averaged(uint32_t average, uint32_t sample) {
  if (average == 0) return std::max(sample, 1U);
  int64_t next = average + (static_cast<int64_t>(sample) - average) / (1 << kShift);
  return static_cast<uint32_t>(std::max<int64_t>(next, 1));
}

}  // namespace sipcore
