#include "control/health/condition.h"

namespace control::health {

using link::Admin;
using link::DestinationState;
using link::Probed;
using sipcore::Breaker;

std::string_view word(Condition condition) {
  static constexpr std::string_view kWords[] = {"active",   "probing",  "busy",    "broken",
                                                "inactive", "draining", "disabled"};
  return kWords[static_cast<size_t>(condition)];
}

std::string flags(Condition condition, bool probed) {
  static constexpr std::string_view kLetters = "ATTIIDD";
  return {kLetters[static_cast<size_t>(condition)], probed ? 'P' : 'X'};
}

Condition condition_of(const DestinationState& state, uint64_t now_ms) {
  Admin admin = state.admin;
  if (admin == Admin::kDisabled) return Condition::kDisabled;
  if (admin == Admin::kDraining) return Condition::kDraining;
  if (state.probed == Probed::kDown) return Condition::kInactive;
  Breaker breaker(state.breaker);
  // When its time is up the one who was held is as good as any; the broken one is on trial.
  if (breaker.phase() == Breaker::Phase::kHeld && !breaker.may_be_asked(now_ms)) {
    return Condition::kBusy;
  }
  if (breaker.phase() == Breaker::Phase::kOpen || breaker.phase() == Breaker::Phase::kTrial) {
    return Condition::kBroken;
  }
  return state.probed == Probed::kProbing ? Condition::kProbing : Condition::kActive;
}

void Watch::look(const link::RunningConfig& config, uint64_t now_ms) {
  for (const link::Group& group : config.groups) {
    for (const link::Destination& one : group.destinations) {
      DestinationState& state = states_.at(one.slot);
      if (state.admin == Admin::kDraining && state.calls == 0) state.admin = Admin::kDisabled;
      Condition now = condition_of(state, now_ms);
      Known& known = known_[one.slot];
      if (known.hold != one.hold.get()) known = {one.hold.get(), now, {}};
      if (now == known.condition) continue;
      changes_.push_back({next_++, std::time(nullptr), group.name, to_string(one.name),
                          known.condition, now, state.calls});
      known.condition = now;
      ++known.became[static_cast<size_t>(now)];
      if (changes_.size() > kRemembered) changes_.pop_front();
      if (on_change) on_change(changes_.back());
    }
  }
}

std::vector<Change> Watch::since(uint64_t after) const {
  std::vector<Change> out;
  for (const Change& change : changes_) {
    if (change.number > after) out.push_back(change);
  }
  return out;
}

}  // namespace control::health
