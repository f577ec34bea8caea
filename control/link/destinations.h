// What is known of destinations while the node runs, shared by all workers and control: whether
// they may be sent to, what they are doing, what came of it. A fixed number of slots, taken at
// start. A slot belongs to a destination of a group, over every reload, and to nobody else as long
// as a call or a transaction is counted in it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "control/link/codes.h"
#include "sipcore/balance/breaker.h"
#include "sipcore/balance/load.h"
#include "sipcore/balance/rate.h"

namespace control::link {

inline constexpr uint16_t kNoDestination = 0xffff;

// What the operator wants of it.
enum class Admin : uint8_t {
  kEnabled,
  kDraining,  // no new calls, those it has go on; disabled when the last one is over
  kDisabled,
};

// What probes say of it.
enum class Probed : uint8_t {
  kUp,       // or it is not probed
  kProbing,  // the last probe failed, not yet as many as make it down
  kDown,
};

struct alignas(64) DestinationState {
  // Written by control.
  std::atomic<Admin> admin{Admin::kEnabled};
  std::atomic<Probed> probed{Probed::kUp};
  // By workers and control: when its latency was measured.
  std::atomic<uint32_t> measured_s{0};
  // By workers and control, by compare and swap: sipcore::Breaker.
  std::atomic<uint64_t> breaker{0};
  // By workers.
  sipcore::CallRate::State call_rate;
  std::atomic<uint32_t> calls{0};  // in set-up and up
  std::atomic<uint32_t> work{0};   // of open transactions, in quarters, sipcore/balance/load.h
  // By workers, who may lose one another's sample.
  std::atomic<uint64_t> heard_ms{0};  // when it last answered anything of a call, to 100 ms
  sipcore::Latency latency;

  // By workers, since the start; another cache line.
  alignas(64) std::atomic<uint64_t> begun{0};  // calls: INVITEs sent here
  std::atomic<uint64_t> answered{0};           // of them with 2xx
  std::atomic<uint64_t> failed{0};             // branches: 5xx, 6xx, silence, unreachable
  std::atomic<uint64_t> opened{0};             // times that its breaker opened
  std::atomic<uint64_t> rang{0};               // calls that rang there, or were answered at once
  std::atomic<uint64_t> post_dial_us{0};       // all their delays until then
  std::array<std::atomic<uint64_t>, kCodePlaces> responses{};  // it has given, by code_place()

  // A first response, or that none has come in so long a time.
  void measure(uint32_t sample_us, uint64_t now_ms) {
    auto now_s = static_cast<uint32_t>(now_ms / 1000);
    uint32_t then_s = measured_s.load(std::memory_order_relaxed);
    latency.add(sample_us, seconds_between(then_s, now_s));
    if (then_s != now_s) measured_s.store(now_s, std::memory_order_relaxed);
  }
  // Of late, as far as it counts. It halves with each second without another sample: whoever is
  // asked nothing because he was slow could not show otherwise.
  uint32_t latency_us(uint64_t now_ms) const {
    uint32_t then_s = measured_s.load(std::memory_order_relaxed);
    return latency.lately_us.value() >>
           seconds_between(then_s, static_cast<uint32_t>(now_ms / 1000));
  }

  bool in_use() const {
    return calls.load(std::memory_order_acquire) != 0 || work.load(std::memory_order_acquire) != 0;
  }

  // One place more if that passes no limit: never one too many, whoever else asks. 0: no limit.
  bool take_call(uint32_t capacity) {
    if (calls.fetch_add(1, std::memory_order_acq_rel) < capacity || capacity == 0) return true;
    calls.fetch_sub(1, std::memory_order_acq_rel);
    return false;
  }
  void give_call_back() { calls.fetch_sub(1, std::memory_order_acq_rel); }

  // Applies `change` to the breaker; the one before. Equal: there was nothing to change.
  template <class Change>
  sipcore::Breaker change_breaker(Change change) {
    uint64_t word = breaker.load(std::memory_order_acquire);
    while (true) {
      uint64_t next = change(sipcore::Breaker(word)).word();
      if (next == word) return sipcore::Breaker(word);
      if (breaker.compare_exchange_weak(word, next, std::memory_order_acq_rel)) {
        return sipcore::Breaker(word);
      }
    }
  }

 private:
  // Whole ones; 31 at most.
  static uint32_t seconds_between(uint32_t then_s, uint32_t now_s) {
    return now_s <= then_s ? 0 : std::min(now_s - then_s - 1, 31U);
  }
};

class Destinations {
 public:
  explicit Destinations(size_t most) : states_(most) {}

  DestinationState& at(uint16_t slot) { return states_[slot]; }
  const DestinationState& at(uint16_t slot) const { return states_[slot]; }
  size_t size() const { return states_.size(); }

 private:
  std::vector<DestinationState> states_;
};

}  // namespace control::link
