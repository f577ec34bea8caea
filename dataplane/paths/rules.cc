// What the rules of the configuration do to a message: before a destination is chosen, on its way
// back to the caller, and when all destinations have failed.
#include <utility>

#include "dataplane/paths/proxy.h"
#include "sipcore/build/reply.h"
#include "sipcore/rules/hash_by.h"

namespace dataplane {

using control::link::CallLimit;
using sipcore::Method;
using sipcore::Rule;
using sipcore::RuleSet;
using sipcore::Subject;
using sipcore::Verdict;

namespace {
constexpr uint8_t kMostReroutes = 3;  // of one request
}  // namespace

// A place and a turn, if the limit leaves one. `call`: the place is held; else only the rate
// counts.
bool Proxy::take_limit(const CallLimit& limit, bool call) {
  if (limit.slot == Places::kNone) return true;
  auto& state = destinations_.at(limit.slot);
  if (call && !state.take_call(limit.capacity)) return false;
  if (limit.call_rate.take(state.call_rate, now_us_ * 1000)) return true;
  if (call) state.give_call_back();
  return false;
}

// For a call that does not come about.
void Proxy::give_limit_back(const CallLimit& limit) {
  auto& state = destinations_.at(limit.slot);
  state.give_call_back();
  limit.call_rate.give_back(state.call_rate);
}

// What a call that gets no transaction has taken of its group's rate; the place goes back with the
// others.
void Proxy::give_turn_back(const Target& target) {
  if (!target.call) return;
  const CallLimit& limit = config_->groups[target.group].limit;
  if (limit.slot != Places::kNone) {
    limit.call_rate.give_back(destinations_.at(limit.slot).call_rate);
  }
}

void Proxy::note_rule(const Rule& rule, const sipcore::Endpoint& source) {
  uint16_t counter = config_->rules.policies[rule.number].counter;
  rule_hits_.add(counter);
  if (!rule.log || !may_log()) return;
  control::link::ToControl message;
  message.what = control::link::ToControl::What::kRule;
  message.address = source.ip;
  message.rule = counter;
  to_control_.push(message, control::link::Room::kHalf);
}

// Control has other things to hear of as well: a few lines each second.
bool Proxy::may_log() {
  constexpr uint32_t kLinesOfASecond = 100;
  if (std::exchange(log_second_, now_ms_ / 1000) != now_ms_ / 1000) log_lines_ = 0;
  return ++log_lines_ <= kLinesOfASecond;
}

// The rules for a request, in order, until one of them decides. Marks and the changes of those that
// matched are in `ruled`; the one that decided, or nullptr.
const Rule* Proxy::run_rules(const RuleSet& rules, const Subject& subject, Ruled& ruled) {
  const Rule* last = nullptr;
  rules.match(subject, worker_, minute_of_week_, ruled.marks, *rule_work_, [&](const Rule& rule) {
    note_rule(rule, subject.source);
    ruled.marks |= rule.mark;
    ruled.changes.add(rule);
    uint64_t hash = sipcore::hash_by(rule, subject, scratch_.text, key());
    if (hash != 0) ruled.hash = hash;
    ruled.beyond_limit = !is_within(rule, subject, ruled);
    if (rule.verdict == Verdict::kContinue && !ruled.beyond_limit) return true;
    last = &rule;
    return false;
  });
  return last;
}

bool Proxy::is_within(const Rule& rule, const Subject& subject, Ruled& ruled) {
  const CallLimit& limit = config_->rules.policies[rule.number].limit;
  if (limit.slot == Places::kNone) return true;
  bool invite = subject.message.is_request() && subject.message.method() == Method::kInvite;
  bool call = invite && limit.capacity > 0;
  if (!take_limit(limit, call)) return false;
  if (!call || ruled.places.add(limit.slot)) return true;
  destinations_.at(limit.slot).give_call_back();
  return false;
}

// The new request in hand; nullopt: it goes on, to the group in `ruled`.
// `for_us`: it goes nowhere, so that there is nothing to change.
std::optional<Proxy::Count> Proxy::rule_request(Ruled& ruled, bool for_us) {
  const Arrival& arrival = in_->arrival;
  ruled.marks = config_->rules.marks_of(arrival.source.ip);
  const RuleSet* rules = config_->rules.request.get();
  if (rules == nullptr) return std::nullopt;
  Subject subject{in_->message, in_->essentials, arrival.source, config_->own[arrival.listen]};
  const Rule* last = run_rules(*rules, subject, ruled);
  if (ruled.beyond_limit) return refuse_beyond(*last);
  if (last != nullptr && last->verdict == Verdict::kDrop) return Count::drop_rule;
  if (last != nullptr && last->verdict == Verdict::kReject) {
    return answer_refused(last->status, last->reason, last->retry_after_s, Count::rejected_rule);
  }
  if (last != nullptr && last->verdict == Verdict::kGroup) ruled.group = last->group;
  bool changes = ruled.changes.any() && !for_us;
  if (!changes || change_in_hand(subject, ruled.changes)) return std::nullopt;
  counters_.add(Count::rejected_malformed);
  return answer_directly(513, "Message Too Large: no room for what rules add");
}

Proxy::Count Proxy::refuse_beyond(const Rule& rule) {
  int status = config_->rules.policies[rule.number].refusal;
  uint32_t retry_after_s = status == 503 ? config_->retry_after_s : 0;
  return answer_refused(status, sipcore::reason_of(status), retry_after_s, Count::rejected_limit);
}

// From here on it is as if it had come like this: what is stored, sent again and cancelled is what
// was sent, whatever rules a reload brings meanwhile.
bool Proxy::change_in_hand(const Subject& subject, const sipcore::Rewrite& changes) {
  sipcore::EditList edits;
  sipcore::Writer texts(scratch_.text);
  if (!changes.list(subject, texts, edits)) return false;
  Packet* packet = edited_copy(edits);
  if (packet == nullptr) return false;
  // What came stays in hand, to be answered, unless what was made of it is good.
  if (!is_good(packet->bytes())) {
    release(packet);
    return false;
  }
  release(in_->packet);
  in_->packet = packet;
  in_->arrival.payload = 0;
  in_->arrival.payload_size = packet->size;
  in_->read(packet->bytes());
  return true;
}

// Rules may make a message too long, or say twice what may be there once.
bool Proxy::is_good(std::string_view changed) {
  constexpr size_t kMostBytes = 64000;  // and what we add
  return changed.size() <= kMostBytes && sent_.read(changed) == sipcore::Fault::kNone &&
         sent_.message.field_count() <= kMostFields;
}

// Of the response in hand, on its way to the caller. One with more to change than can be done goes
// up as it is: its call must not be lost.
void Proxy::rule_response(uint64_t& marks, sipcore::EditList& edits) {
  const RuleSet* rules = config_->rules.response.get();
  if (rules == nullptr) return;
  const Arrival& arrival = in_->arrival;
  Subject subject{in_->message, in_->essentials, arrival.source, config_->own[arrival.listen],
                  in_->message.status()};
  Ruled ruled;
  ruled.marks = marks;
  run_rules(*rules, subject, ruled);
  marks = ruled.marks;
  if (!ruled.changes.any()) return;
  sipcore::Writer texts(scratch_.text);
  sipcore::EditList changed = edits;
  if (ruled.changes.list(subject, texts, changed)) {
    edits = changed;
  } else {
    counters_.add(Count::rules_given_up);
  }
}

// All destinations have failed, with `status` at best. True: a rule has sent the request to another
// group, or answered it.
bool Proxy::rule_failure(uint32_t slot, int status) {
  ServerTransaction& server = transactions_.server(slot);
  const RuleSet* rules = config_->rules.failure.get();
  // RFC 4320 4: after a timeout of a request that is no INVITE nobody waits any more.
  bool too_late = server.kind != Kind::kInvite && status == 408 && server.best == kNoBlob;
  bool may = rules != nullptr && !server.cancelled && server.rerouted < kMostReroutes &&
             server.request != kNoBlob && server.group != kNoGroup && !too_late &&
             server.rerouted_for != status;
  if (!may || again_.read(blobs_.text(server.request)) != sipcore::Fault::kNone) return false;
  Subject subject{again_.message, again_.essentials, server.source, config_->own[server.listen],
                  status};
  Ruled ruled;
  ruled.marks = server.marks;
  ruled.hash = server.hash;
  const Rule* last = run_rules(*rules, subject, ruled);
  server.marks = ruled.marks;
  server.hash = ruled.hash;
  if (last == nullptr) return false;
  if (last->verdict == Verdict::kReject) {
    blobs_.drop(server.best);
    answer_server(slot, last->status, last->reason, last->retry_after_s);
    counters_.add(Count::rejected_rule);
    return true;
  }
  // RFC 3261 16.7 step 5: nobody is asked after a 6xx.
  if (last->verdict != Verdict::kGroup || status >= 600) return false;
  if (ruled.changes.any() && !change_stored(server, subject, ruled.changes)) return false;
  // Once for each failure: what it was rerouted for stays the best, and would find the rule again.
  ++server.rerouted;
  server.rerouted_for = static_cast<int16_t>(status);
  // For another user the same destination is another one.
  if (ruled.changes.rewrites_uri()) server.tries = server.tries_here = 0;
  uint32_t branch = ask_another(slot, last->group, FallBack::kYes);
  if (branch == kNoSlot) return false;
  server.refused = false;
  counters_.add(Count::rerouted);
  fork_to_all(branch);
  return true;
}

bool Proxy::change_stored(ServerTransaction& server, const Subject& subject,
                          const sipcore::Rewrite& changes) {
  sipcore::EditList edits;
  sipcore::Writer texts(scratch_.text);
  if (!changes.list(subject, texts, edits)) return false;
  size_t size = sipcore::apply_copy(edits, subject.message.bytes(), out_);
  if (size == 0 || !is_good({out_.data(), size})) return false;
  Blob changed = blobs_.store({out_.data(), size});
  if (changed == kNoBlob) return false;
  blobs_.drop(server.request);
  server.request = changed;
  return true;
}

}  // namespace dataplane
