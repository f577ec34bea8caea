// The health of all destinations: probes by way of the workers, what the state of each means, and
// its changes. Control thread only.
#pragma once

#include "control/health/condition.h"
#include "control/health/prober.h"

namespace control::health {

class Health {
 public:
  Health(link::Exchange& exchange, uint64_t seed);

  // After each new configuration was published.
  void configure(uint64_t now_us);
  // Every few milliseconds.
  void tick(uint64_t now_us);
  void answered(const link::ToControl& message) {
    prober_.answered(message.branch, message.status, message.retry_after_s, message.at_us);
  }
  void unreachable(const sipcore::BranchToken& token, uint64_t now_us) {
    prober_.unreachable(token, now_us);
  }

  Prober& prober() { return prober_; }
  const Prober& prober() const { return prober_; }
  Watch& watch() { return watch_; }
  const Watch& watch() const { return watch_; }

 private:
  void send(const Target& target, const sipcore::BranchToken& token);

  link::Exchange& exchange_;
  Prober prober_;
  Watch watch_;
};

}  // namespace control::health
