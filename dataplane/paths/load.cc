// What a destination is given and what comes of it: places taken and given back, work, latency, the
// breaker; and the calls that are up, which keep their places.
#include <utility>

#include "dataplane/paths/proxy.h"
#include "sipcore/grammar/number.h"

namespace dataplane {

using control::link::DestinationState;
using control::link::Group;
using control::link::kNoDestination;
using sipcore::Breaker;
using sipcore::HeaderName;
using sipcore::Method;

namespace {
constexpr uint64_t kHeardStepMs = 100;  // all workers write it: not at each response
}

// Of the response in hand, RFC 3261 20.33: seconds, then perhaps a comment and parameters. 0: none,
// or not a number.
uint32_t Proxy::retry_after_s() const {
  std::string_view value = in_->message.value(HeaderName::kRetryAfter);
  value = value.substr(0, value.find_first_not_of("0123456789"));
  uint32_t most = config_->most_held_s;
  return value.empty() ? 0 : sipcore::parse_number(value, most).value_or(most);
}

const Group* Proxy::group_of_client(const ClientTransaction& client) const {
  if (client.server == kNoSlot) return nullptr;
  uint16_t group = group_of(transactions_.server(client.server));
  return group == kNoGroup ? nullptr : &config_->groups[group];
}

void Proxy::give_place_back(const Target& target) {
  if (!target.call) return;
  DestinationState& state = destinations_.at(target.slot);
  state.give_call_back();
  config_->groups[target.group].destinations[target.index].call_rate.give_back(state.call_rate);
}

// The branch has the place that choose() took for it.
void Proxy::begin_load(ClientTransaction& client, const Target& target) {
  client.sent_us = now_us_;
  client.destination_slot = target.slot;
  if (target.slot == kNoDestination) return;
  DestinationState& state = destinations_.at(target.slot);
  client.holds_call = target.call;
  client.work = target.call ? sipcore::kWorkOfInvite : sipcore::kWorkOfOther;
  state.work.fetch_add(client.work, std::memory_order_acq_rel);
  if (target.call) state.begun.fetch_add(1, std::memory_order_relaxed);
}

// Any number of times: the first one counts.
void Proxy::end_load(ClientTransaction& client) {
  if (client.destination_slot == kNoDestination) return;
  DestinationState& state = destinations_.at(client.destination_slot);
  if (client.work != 0) state.work.fetch_sub(client.work, std::memory_order_acq_rel);
  if (client.holds_call) state.give_call_back();
  client.work = 0;
  client.holds_call = false;
}

// It was given up for its silence: what a dead destination was sent must not fill it for the whole
// of timer B, when it may be back long before. A late 2xx takes the place again. The least of its
// work stays: as long as it may still answer, the slot is this destination's.
void Proxy::give_up_load(ClientTransaction& client) {
  if (client.work == 0) return;
  DestinationState& state = destinations_.at(client.destination_slot);
  state.work.fetch_sub(client.work - 1U, std::memory_order_acq_rel);
  client.work = 1;
  client.takes_place_again = std::exchange(client.holds_call, false);
  if (client.takes_place_again) state.give_call_back();
}

// A response of the destination, in hand.
void Proxy::hear(ClientTransaction& client) {
  // What comes after the end may find another destination in the slot.
  if (client.work == 0) return;
  DestinationState& state = destinations_.at(client.destination_slot);
  int status = in_->message.status();
  state.responses[control::link::code_place(status)].fetch_add(1, std::memory_order_relaxed);
  // The answer to a request that was sent twice does not say to which (Karn).
  if (!client.heard && !client.late) {
    state.measure(static_cast<uint32_t>(now_us_ - client.sent_us), now_ms_);
    traffic_.first_response.add(now_us_ - client.sent_us);
  }
  bool call = client.holds_call || client.takes_place_again;
  if (call && status >= 180 && status < 300) note_ringing(client, status);
  client.heard = true;
  if (now_ms_ >= state.heard_ms.load(std::memory_order_relaxed) + kHeardStepMs) {
    state.heard_ms.store(now_ms_, std::memory_order_relaxed);
  }
  const Group* group = group_of_client(client);
  bool bad =
      group != nullptr && status >= 300 && group->breaker_codes.test(static_cast<size_t>(status));
  uint32_t hold_s = status == 503 ? retry_after_s() : 0;
  if (hold_s > 0) {
    state.change_breaker([&](Breaker b) { return b.held(now_ms_, uint64_t{hold_s} * 1000); });
  } else if (bad) {
    find_wanting(client);
  } else if (status > 100) {
    // A 100 only shows that it is not dead: a proxy says it before it looks at the request.
    state.change_breaker([&](Breaker breaker) { return breaker.answered(now_ms_); });
  }
  if (status >= 500 && !client.done) count_failure(client);
  if (status >= 300) end_load(client);
}

// Post-dial delay, and the time of set-up, of this branch.
void Proxy::note_ringing(ClientTransaction& client, int status) {
  uint64_t delay_us = now_us_ - client.sent_us;
  if (status >= 200) traffic_.call_setup.add(delay_us);
  if (client.rang) return;
  client.rang = true;
  traffic_.post_dial_delay.add(delay_us);
  DestinationState& state = destinations_.at(client.destination_slot);
  state.rang.fetch_add(1, std::memory_order_relaxed);
  state.post_dial_us.fetch_add(delay_us, std::memory_order_relaxed);
}

// Nothing came until the first repetition: it takes at least so long. An INVITE has its 100 by then
// (RFC 3261 17.2.1), other requests may wait for their final response (RFC 4320).
void Proxy::note_late(ClientTransaction& client) {
  if (client.work == 0 || client.late) return;
  client.late = true;
  DestinationState& state = destinations_.at(client.destination_slot);
  state.measure(static_cast<uint32_t>(now_us_ - client.sent_us), now_ms_);
  if (client.kind == Kind::kInvite) find_wanting(client);
}

// The destination did not do for this branch what is expected of it. Once for each branch.
void Proxy::find_wanting(ClientTransaction& client) {
  const Group* group = group_of_client(client);
  if (client.work == 0 || group == nullptr || client.found_wanting) return;
  client.found_wanting = true;
  DestinationState& state = destinations_.at(client.destination_slot);
  bool opens = false;
  state.change_breaker([&](Breaker breaker) {
    Breaker next = breaker.failed(now_ms_, group->breaker);
    opens = breaker.phase() != Breaker::Phase::kOpen && next.phase() == Breaker::Phase::kOpen;
    return next;
  });
  if (opens) state.opened.fetch_add(1, std::memory_order_relaxed);
}

void Proxy::count_failure(const ClientTransaction& client) {
  if (client.work == 0) return;
  destinations_.at(client.destination_slot).failed.fetch_add(1, std::memory_order_relaxed);
}

// RFC 3261 12: Call-ID and both tags, the same for both sides.
sipcore::Hash128 Proxy::dialog_key(const sipcore::Essentials& message) const {
  bool ordered = message.from_tag < message.to_tag;
  std::string_view first = ordered ? message.from_tag : message.to_tag;
  std::string_view second = ordered ? message.to_tag : message.from_tag;
  sipcore::SipHash hash(key(), true);
  hash.add(message.call_id).add_byte(0).add(first).add_byte(0).add(second);
  return hash.finish_wide();
}

// Whether a message that was read begins a dialog, shows that it is alive, or ends it.
bool Proxy::names_dialog(const InHand& message) const {
  if (message.essentials.to_tag.empty()) return false;
  if (message.message.is_request()) {
    Method method = message.message.method();
    return method == Method::kBye || method == Method::kInvite || method == Method::kUpdate;
  }
  int status = message.message.status();
  bool success = status >= 200 && status < 300;
  return success && sipcore::method_of(message.essentials.cseq_method) == Method::kInvite;
}

bool Proxy::reserve_dialog(uint32_t server) {
  bool reserved = dialogs_.reserve();
  transactions_.server(server).dialog_reserved = reserved;
  return reserved;
}

void Proxy::give_back_reserved(ServerTransaction& server) {
  if (server.dialog_reserved) dialogs_.give_back_reserved();
  server.dialog_reserved = false;
}

// The 2xx in hand: the call keeps the place of its branch.
void Proxy::begin_dialog(ClientTransaction& client) {
  if (std::exchange(client.takes_place_again, false)) {
    destinations_.at(client.destination_slot).take_call(0);  // the call is up, limit or not
    client.holds_call = true;
  }
  if (!client.holds_call) return;
  DestinationState& state = destinations_.at(client.destination_slot);
  state.answered.fetch_add(1, std::memory_order_relaxed);
  give_back_reserved(transactions_.server(client.server));
  if (!names_dialog(*in_)) return;  // no To tag: RFC 2543, nobody can say BYE to it by its name
  if (dialogs_.find(in_->dialog) != Dialogs::kNone) return;
  uint64_t until_ms = now_ms_ + uint64_t{config_->longest_call_s} * 1000;
  uint32_t slot = dialogs_.add(in_->dialog, client.destination_slot,
                               transactions_.server(client.server).places, until_ms);
  if (slot == Dialogs::kNone) {
    counters_.add(Count::dialogs_not_kept);
    return;
  }
  counters_.add(Count::dialogs_begun);
  client.holds_call = false;
}

// The request in hand belongs to a dialog: a BYE ends it when it is answered, a refresh shows that
// it is alive (RFC 4028 8).
void Proxy::note_in_dialog(ClientTransaction& client) {
  Method method = in_->message.method();
  if (!names_dialog(*in_)) return;
  uint32_t slot = dialogs_.find(in_->dialog);
  if (slot == Dialogs::kNone) return;
  if (method != Method::kBye) {
    dialogs_.extend(slot, now_ms_ + uint64_t{config_->longest_call_s} * 1000);
    return;
  }
  client.dialog = slot;
  client.dialog_generation = dialogs_.at(slot).generation;
}

// A BYE that is challenged comes again; every other answer, and silence, ends the call (RFC 3261
// 15.1.1).
void Proxy::note_bye_answered(ClientTransaction& client, int status) {
  if (client.dialog == Dialogs::kNone || status < 200 || status == 401 || status == 407) return;
  if (dialogs_.current(client.dialog, client.dialog_generation)) end_dialog(client.dialog);
  client.dialog = Dialogs::kNone;
}

void Proxy::end_dialog(uint32_t slot) {
  destinations_.at(dialogs_.at(slot).destination).give_call_back();
  Places places = dialogs_.at(slot).places;
  places.give_back(destinations_);
  dialogs_.remove(slot);
  counters_.add(Count::dialogs_ended);
}

}  // namespace dataplane
