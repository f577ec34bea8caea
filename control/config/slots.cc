#include "control/config/slots.h"

namespace control::config {

namespace {

// Calls and work are not touched: what is still under way is counted to its end.
void begin(link::DestinationState& state, bool enabled) {
  state.admin = enabled ? link::Admin::kEnabled : link::Admin::kDisabled;
  state.probed = link::Probed::kUp;
  state.breaker = 0;
  state.latency_us = 0;
  state.usual_us = 0;
  for (auto* total : {&state.begun, &state.answered, &state.failed, &state.opened}) *total = 0;
}

}  // namespace

size_t Slots::find(const DestinationName& name) const {
  for (size_t i = 0; i < owners_.size(); ++i) {
    bool his = !owners_[i].hold.expired() || states_.at(static_cast<uint16_t>(i)).in_use();
    if (his && owners_[i].name == name) return i;
  }
  return owners_.size();
}

size_t Slots::find_free() const {
  for (size_t i = 0; i < owners_.size(); ++i) {
    if (owners_[i].hold.expired() && !states_.at(static_cast<uint16_t>(i)).in_use()) return i;
  }
  return owners_.size();
}

std::optional<Slots::Slot> Slots::take(const DestinationName& name, bool enabled) {
  size_t at = find(name);
  if (at == owners_.size()) at = find_free();
  if (at == owners_.size()) return std::nullopt;
  Owner& owner = owners_[at];
  Slot slot{static_cast<uint16_t>(at), owner.hold.lock()};
  link::DestinationState& state = states_.at(slot.index);
  if (slot.hold == nullptr) {
    slot.hold = std::make_shared<char>();
    owner = {name, slot.hold, enabled};
    begin(state, enabled);
  } else if (owner.enabled != enabled) {
    owner.enabled = enabled;
    state.admin = enabled ? link::Admin::kEnabled : link::Admin::kDisabled;
  }
  return slot;
}

}  // namespace control::config
