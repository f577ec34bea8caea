// Asks destinations by OPTIONS whether they are alive, and says so in their state. Time and the way
// out are given by the caller; control thread only.
//
//        failed                 `down` failures in a row
//   up ----------> probing ------------------------------> down
//    ^                |                                      |
//    |<-- answered ---'                                      |
//    `------------------ `up` answers in a row --------------'
//
// One that comes back soon after it went down must answer twice as often before it is believed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "control/link/exchange.h"
#include "sipcore/build/probe.h"

namespace control::health {

struct Target {
  uint16_t slot = link::kNoDestination;
  uint16_t listen = 0;  // sent from
  sipcore::Endpoint endpoint;
  std::string uri;
  link::ProbeSettings settings;
  uint32_t hold_ms = 0;  // for a 503 without Retry-After
};

class Prober {
 public:
  // Sends the probe: `first` is false when it is repeated for want of an answer.
  using Send = std::function<void(const Target&, const sipcore::BranchToken&)>;

  Prober(link::Destinations& states, uint64_t seed, Send send)
      : states_(states), random_(seed), send_(std::move(send)) {}

  // The destinations that are to be probed; those known go on as they were.
  void configure(std::vector<Target> targets, uint64_t now_us);
  void tick(uint64_t now_us);
  // What came back for a probe; one that is not under way any more is ignored.
  void answered(const sipcore::BranchToken& token, int status, uint32_t retry_after_s,
                uint64_t now_us);
  void unreachable(const sipcore::BranchToken& token, uint64_t now_us);
  // Whether it is probed at all; asks at once if so.
  bool probe_now(uint16_t slot, uint64_t now_us);
  bool probes(uint16_t slot) const { return probed_.contains(slot); }
  // Somebody else has said what its state is: what was counted before does not.
  void begin_anew(uint16_t slot);
  // Whether probes are sent. What is under way comes to its end.
  void activate(bool active, uint64_t now_us);
  bool active() const { return active_; }

 private:
  struct Probed {
    Target target;
    uint64_t next_us = 0;    // the next probe
    uint64_t repeat_us = 0;  // the same again; 0: no probe is under way
    uint64_t sent_us = 0;    // the first time
    uint64_t back_us = 0;    // when it came back last; 0: never
    uint32_t sequence = 0;
    uint32_t interval_ms = 0;  // until the next repetition
    uint32_t failures = 0, successes = 0, flaps = 0;
    uint64_t held_until_ms = 0;  // by a 503 that did not say for how long
  };
  void begin(Probed& one, uint64_t now_us);
  void repeat(Probed& one, uint64_t now_us);
  void timed_out(Probed& one, uint64_t now_us);
  void failed(Probed& one, uint64_t now_us);
  void succeeded(Probed& one, uint64_t now_us);
  void finish(Probed& one, uint64_t now_us);
  Probed* find(const sipcore::BranchToken& token);
  uint64_t varied_us(uint32_t ms);

  link::Destinations& states_;
  std::mt19937_64 random_;
  Send send_;
  std::map<uint16_t, Probed> probed_;  // by slot
  bool active_ = true;
};

}  // namespace control::health
