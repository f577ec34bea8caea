#include "control/config/slots.h"

#include "control/link/clock.h"

namespace control::config {

namespace {

// Calls and work are not touched: what is still under way is counted to its end.
void begin(link::DestinationState& state, link::Admin admin) {
  state.admin = admin;
  state.probed = link::Probed::kUp;
  state.breaker = 0;
  state.call_rate.peak_ns = state.call_rate.sustained_ns = 0;
  state.heard_ms = 0;
  state.latency.forget();
  for (auto* total : {&state.begun, &state.answered, &state.failed, &state.opened, &state.rang,
                      &state.post_dial_us}) {
    *total = 0;
  }
  for (auto& count : state.responses) count = 0;
}

}  // namespace

void put(link::DestinationState& state, link::Admin admin) {
  if (admin == link::Admin::kEnabled && state.admin != admin) {
    // What calls have found out stays.
    state.change_breaker([](sipcore::Breaker before) {
      bool closed = before.phase() == sipcore::Breaker::Phase::kClosed;
      return closed ? sipcore::Breaker::closed(link::now_us() / 1000) : before;
    });
  }
  state.admin = admin;
}

bool Slots::is_taken(size_t slot) const {
  return !owners_[slot].hold.expired() || states_.at(static_cast<uint16_t>(slot)).in_use();
}

size_t Slots::find(const link::DestinationName& name) const {
  auto found = known_.find(name);
  return found != known_.end() && is_taken(found->second) ? found->second : owners_.size();
}

size_t Slots::find_free() {
  for (size_t looked = 0; looked < owners_.size(); ++looked) {
    size_t at = next_++ % owners_.size();
    if (!is_taken(at)) return at;
  }
  return owners_.size();
}

std::optional<Slots::Slot> Slots::take(const link::DestinationName& name, bool enabled,
                                       std::optional<link::Admin> said) {
  size_t at = find(name);
  if (at == owners_.size()) at = find_free();
  if (at == owners_.size()) return std::nullopt;
  Owner& owner = owners_[at];
  Slot slot{static_cast<uint16_t>(at), owner.hold.lock(), std::nullopt};
  if (slot.hold == nullptr) {
    slot.hold = std::make_shared<char>();
    auto last = known_.find(owner.name);
    if (last != known_.end() && last->second == at) known_.erase(last);
    known_[name] = at;
    owner = {name, slot.hold, enabled};
    begin(states_.at(slot.index), said.value_or(by_file(enabled)));
  } else if (owner.enabled != enabled) {
    slot.changed = by_file(enabled);
  }
  return slot;
}

bool Slots::take_limit(const std::string& name, link::CallLimit& out) {
  auto slot = take({name, "", {}, {}}, true, std::nullopt);
  if (!slot) return false;
  out.slot = slot->index;
  out.hold = slot->hold;
  return true;
}

void Slots::set_admin(uint16_t slot, link::Admin admin) {
  owners_[slot].enabled = admin == link::Admin::kEnabled;
  put(states_.at(slot), admin);
}

}  // namespace control::config
