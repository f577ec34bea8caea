// What a destination is to an operator: one word for all that its state says, and the changes of
// it.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/link/running_config.h"

namespace control::health {

enum class Condition : uint8_t {
  kActive,
  kProbing,   // a probe has failed, it still gets calls
  kBusy,      // it asked to be left alone for a time
  kBroken,    // its breaker is open, or on trial
  kInactive,  // probes say that it is down
  kDraining,
  kDisabled,
  kCount,
};

std::string_view word(Condition condition);
// Two letters as Kamailio's dispatcher shows them: A, T, I or D, then P if it is probed, else X.
std::string flags(Condition condition, bool probed);

Condition condition_of(const link::DestinationState& state, uint64_t now_ms);

struct Change {
  uint64_t number = 0;  // from 1
  std::time_t at = 0;
  std::string group, uri;
  Condition from = Condition::kActive, to = Condition::kActive;
  uint32_t calls = 0;  // it has
};

// Sees changes by looking again and again; remembers the last ones. Control thread only.
class Watch {
 public:
  static constexpr size_t kRemembered = 1000;

  explicit Watch(link::Destinations& states) : states_(states), known_(states.size()) {}

  // Told of each change.
  std::function<void(const Change&)> on_change;

  // Also disables those that have drained.
  void look(const link::RunningConfig& config, uint64_t now_ms);
  // Those with a higher number than `after`, the oldest first.
  std::vector<Change> since(uint64_t after) const;
  uint64_t newest() const { return next_ - 1; }
  // How often the destination in that slot has come to be so.
  uint64_t became(uint16_t slot, Condition condition) const {
    return known_[slot].became[static_cast<size_t>(condition)];
  }

 private:
  link::Destinations& states_;
  struct Known {
    const void* hold = nullptr;  // tells that it is still the same destination
    Condition condition = Condition::kActive;
    std::array<uint64_t, static_cast<size_t>(Condition::kCount)> became{};
  };
  std::vector<Known> known_;  // by slot
  std::deque<Change> changes_;
  uint64_t next_ = 1;
};

}  // namespace control::health
