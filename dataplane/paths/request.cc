// A request arrives (RFC 3261 16.2 to 16.5).
#include <algorithm>
#include <utility>

#include "dataplane/paths/proxy.h"
#include "sipcore/build/reply.h"

namespace dataplane {

using control::link::Count;
using sipcore::Fault;
using sipcore::Method;
using sipcore::TokenStatus;

namespace {

constexpr std::string_view kResponse = "SIP/2.0 ";
constexpr std::string_view kOwnVia = "Via: SIP/2.0/UDP ";

Count drop_of(Fault fault) {
  switch (fault) {
    case Fault::kKeepalive:
      return Count::drop_keepalive;
    case Fault::kNoVia:
      return Count::drop_no_via;
    case Fault::kBadStatusLine:
    case Fault::kBadResponse:
      return Count::drop_bad_response;
    case Fault::kMalformedAck:
      return Count::drop_bad_ack;
    default:
      return Count::drop_not_sip;
  }
}

void add_nocase(sipcore::SipHash& hash, std::string_view text) {
  char lowered[64];
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), sizeof lowered))) {
    size_t size = std::min(text.size(), sizeof lowered);
    for (size_t i = 0; i < size; ++i) lowered[i] = sipcore::lower(text[i]);
    hash.add({lowered, size});
  }
}

}  // namespace

Fault Proxy::Parsed::read(std::string_view bytes) {
  essentials.clear();
  return sipcore::validate(message, message.parse(bytes), essentials);
}

void Proxy::receive(Packet* packet, const Arrival& arrival, Overload::Verdict overload) {
  InHand& next = *in_;
  next.packet = packet;
  next.overload = overload;
  next.arrival = arrival;
  std::string_view bytes = packet->bytes().substr(arrival.payload, arrival.payload_size);
  if (is_forged(next, bytes)) {
    counters_.add(Count::drop_forged_token);
    release(packet);
    next.packet = nullptr;
    return;
  }
  next.fault = next.read(bytes);
  look_ahead(next);
  std::swap(in_, held_);
  if (in_->packet != nullptr) counters_.add(handle());
}

void Proxy::catch_up() {
  if (held_->packet == nullptr) return;
  std::swap(in_, held_);
  counters_.add(handle());
}

void Proxy::read_branch(InHand& message, std::string_view text) const {
  message.branch_text = text;
  message.branch_status = sipcore::read_branch(branch_key(), text, message.branch);
}

// A flood of responses to what we never sent ends here, before anything else of them is read: the
// first header line is a Via, as we write it, whose branch has our form but not our check value.
bool Proxy::is_forged(InHand& message, std::string_view bytes) const {
  message.branch_text = {};
  message.branch_status = TokenStatus::kForeign;
  if (!bytes.starts_with(kResponse)) return false;
  size_t line = sipcore::find_char(bytes, kResponse.size(), '\n') + 1;
  if (line >= bytes.size() || !bytes.substr(line).starts_with(kOwnVia)) return false;
  std::string_view via = bytes.substr(line, sipcore::find_char(bytes, line, '\n') - line);
  size_t at = via.find(sipcore::kOwnBranch);
  if (at == std::string_view::npos) return false;
  read_branch(message, via.substr(at, sipcore::kBranchSize));
  return message.branch_status == TokenStatus::kForged;
}

// What tells the transaction of a message, and a prefetch of what will be read of it.
void Proxy::look_ahead(InHand& message) {
  if (message.fault != Fault::kNone) return;
  if (message.message.is_request()) {
    message.key = server_key(message, message.message.method());
    transactions_.prefetch_key(message.key);
    look_for_dialog(message);
  } else {
    std::string_view text = message.essentials.via->branch;
    // A branch that is not there is not the one that was read before.
    bool read_already = !text.empty() && text.data() == message.branch_text.data() &&
                        text.size() == message.branch_text.size();
    if (!read_already) read_branch(message, text);
    if (message.branch_status != TokenStatus::kOk) return;
    if (message.branch.slot >= transactions_.branches()) return;
    transactions_.prefetch_branch(message.branch.slot);
    wheel_.prefetch(branch_timer(message.branch.slot));
    look_for_dialog(message);
  }
}

void Proxy::look_for_dialog(InHand& message) {
  if (!names_dialog(message)) return;
  message.dialog = dialog_key(message.essentials);
  dialogs_.prefetch(message.dialog);
}

Count Proxy::handle() {
  Fault fault = in_->fault;
  if (fault == Fault::kNone) count_message();
  Count fate = fault != Fault::kNone && sipcore::status_of(fault) == 0 ? drop_of(fault)
               : in_->message.is_request()                             ? on_request()
                                                                       : on_response();
  if (in_->packet != nullptr) release(in_->packet);
  in_->packet = nullptr;
  return fate;
}

void Proxy::count_message() {
  const sipcore::Message& message = in_->message;
  if (message.is_request()) {
    traffic_.request(in_->arrival.listen, message.method());
  } else {
    Method method = sipcore::method_of(in_->essentials.cseq_method);
    traffic_.response_in(in_->arrival.listen, method, message.status());
  }
}

Count Proxy::on_request() {
  Fault fault = in_->fault;
  // RFC 3261 11.2: what is for us needs no further hop.
  bool for_us = in_->message.method() == Method::kOptions && addressed_to_us();
  if (fault == Fault::kTooManyHops && for_us) {
    fault = Fault::kNone;
    in_->key = server_key(*in_, in_->message.method());
  }
  if (fault != Fault::kNone) return refuse(fault);
  Method method = in_->message.method();
  uint32_t known = transactions_.find(in_->key);
  if (known != kNoSlot) return on_repeated(known);
  if (method == Method::kAck) return on_ack();
  if (method == Method::kCancel) return on_cancel();
  bool turned_away = in_->overload != Overload::Verdict::kAdmit && in_->essentials.to_tag.empty();
  return turned_away ? turn_away() : on_new_request();
}

// RFC 3261 17.2.3: branch, sent-by and method, with ACK as INVITE; the source address as well, so
// that nobody else can reach into a transaction by guessing a branch.
sipcore::Hash128 Proxy::server_key(const InHand& request, Method method) const {
  const sipcore::Essentials& e = request.essentials;
  bool invite = method == Method::kInvite || method == Method::kAck;
  sipcore::SipHash hash(key(), true);
  hash.add_byte(invite ? 1 : 0);
  if (!invite) hash.add(request.message.method_text()).add_byte(0);
  hash.add({reinterpret_cast<const char*>(request.arrival.source.ip.bytes.data()), 16});
  if (e.via->rfc3261_branch()) {
    add_nocase(hash, e.via->host);
    hash.add_word(e.via->port, 2);
    return hash.add(e.via->branch).finish_wide();
  }
  // Without the cookie: the tuple of RFC 2543; the To tag differs between INVITE and its ACK.
  for (std::string_view part : {request.message.uri_text(), e.from_tag, e.call_id, e.via->text,
                                invite ? std::string_view{} : e.to_tag}) {
    hash.add(part).add_byte(0);
  }
  hash.add_word(e.cseq, 4);
  return hash.finish_wide();
}

Count Proxy::on_repeated(uint32_t branch) {
  if (transactions_.branch(branch).retired) return on_retired_request(branch);
  uint32_t slot = transactions_.branch(branch).server;
  ServerTransaction& server = transactions_.server(slot);
  if (server.kind == Kind::kInvite) {
    using namespace sipcore::invite_server;
    bool ack = in_->message.method() == Method::kAck;
    const auto& step =
        kMachine.step(static_cast<State>(server.state), ack ? Event::kAck : Event::kRequest);
    server.state = static_cast<uint8_t>(step.next);
    perform_server(slot, step.actions, step.timer);
    if (ack && (step.actions & sipcore::kPass) != 0) return on_ack();
    return ack ? Count::ack_consumed : Count::retransmission;
  }
  using namespace sipcore::server;
  const auto& step = kMachine.step(static_cast<State>(server.state), Event::kRequest);
  server.state = static_cast<uint8_t>(step.next);
  perform_server(slot, step.actions, step.timer);
  return Count::retransmission;
}

// ACK of a 2xx: end to end and without a transaction (RFC 3261 16.6, 17.1.1.3).
Count Proxy::on_ack() {
  const sipcore::Essentials& e = in_->essentials;
  if (e.has_max_forwards && e.max_forwards == 0) return Count::drop_bad_ack;
  sipcore::RoutePlan plan = sipcore::plan_route(in_->message, e, self(), key());
  if (plan.fault != Fault::kNone) return refuse(plan.fault);
  if (!plan.token) return Count::drop_ack_without_call;
  if (!may_reach_caller(plan)) return Count::drop_foreign_source;
  auto way = dialog_way(plan);
  if (!way) return Count::drop_no_route;
  // Nothing answers an ACK: its branch names no slot, and is the same when the ACK is repeated.
  ClientTransaction stateless;
  stateless.destination = way->target;
  stateless.listen = way->listen;
  stateless.generation = static_cast<uint32_t>(in_->key.low);
  stateless.loop = sipcore::loop_hash(in_->message, e, plan, key());
  if (sipcore::is_loop(in_->message, stateless.loop, branch_key()))
    return Count::drop_ack_without_call;
  sipcore::EditList edits;
  if (!edit_request(*in_, plan, stateless, edits)) return Count::drop_no_memory;
  if (!fits(edits, way->target)) return Count::drop_no_memory;
  send_edited(edits, way->listen, way->target);
  return Count::request_forwarded;
}

bool Proxy::addressed_to_us() const {
  return sipcore::addressed_to(in_->essentials.request_uri, self());
}

// Answers that need no destination; nullopt: go on.
std::optional<Count> Proxy::stop_by_policy(const sipcore::RoutePlan& plan, uint64_t loop) {
  if (plan.fault != Fault::kNone) return refuse(plan.fault);
  if (sipcore::is_loop(in_->message, loop, branch_key())) return refuse(Fault::kLoop);
  // RFC 3261 26.2.2: what asks for TLS may not go on over UDP.
  if (in_->essentials.request_uri.scheme == sipcore::Scheme::kSips) {
    return refuse(Fault::kUnknownScheme);
  }
  bool in_dialog = !in_->essentials.to_tag.empty();
  if (in_dialog && !plan.token) {
    counters_.add(Count::rejected_no_dialog);
    return answer_directly(481, "Call/Transaction Does Not Exist");
  }
  if (in_dialog && !may_reach_caller(plan)) {
    counters_.add(Count::rejected_source);
    return answer_directly(403, "Forbidden: no part in this call");
  }
  // A Route that was not recorded by a dialog through us would make us an open relay; and a
  // Request-URI that stands in Route, for strict routers, would be one that no rule has seen.
  if (!in_dialog && (plan.next || plan.uri_from_last_route)) {
    counters_.add(Count::rejected_token);
    return answer_directly(403, "Forbidden: preloaded Route");
  }
  return std::nullopt;
}

// What rules have taken for a request that gets no transaction is given back.
Count Proxy::on_new_request() {
  Ruled ruled;
  Count fate = route_new_request(ruled);
  ruled.places.give_back(destinations_);
  return fate;
}

Count Proxy::route_new_request(Ruled& ruled) {
  const sipcore::Essentials& e = in_->essentials;
  sipcore::RoutePlan plan = sipcore::plan_route(in_->message, e, self(), key());
  uint64_t loop = sipcore::loop_hash(in_->message, e, plan, key());
  if (auto fate = stop_by_policy(plan, loop)) return *fate;
  if (e.to_tag.empty()) {
    ruled.group = config_->listens[in_->arrival.listen].group;
    bool for_us = in_->message.method() == Method::kOptions && addressed_to_us();
    if (auto fate = rule_request(ruled, for_us)) return *fate;
    if (for_us) return answer_directly(200, "OK");
    // It may be another message now.
    if (ruled.changes.any()) plan = sipcore::plan_route(in_->message, e, self(), key());
  }

  if (in_->message.field_count() > kMostFields) {
    counters_.add(Count::rejected_malformed);
    return answer_directly(513, "Message Too Large: too many header fields");
  }
  auto target = find_target(plan, ruled);
  if (!target && e.to_tag.empty()) {
    return answer_unavailable(ruled.group_full ? Count::rejected_limit
                                               : Count::rejected_no_backend);
  }
  if (!target) return answer_directly(502, "Bad Gateway: no way to next hop");
  uint32_t slot = begin_transaction();
  bool room = slot != kNoSlot && (!target->call || reserve_dialog(slot));
  if (slot != kNoSlot) {
    transactions_.server(slot).places = std::exchange(ruled.places, {});
    transactions_.server(slot).marks = ruled.marks;
    transactions_.server(slot).hash = ruled.hash;
  }
  uint32_t branch = room ? new_branch(slot, *target, loop) : kNoSlot;
  if (branch == kNoSlot) {
    give_place_back(*target);
    give_turn_back(*target);
    if (slot != kNoSlot) free_server(slot);
    return answer_unavailable(Count::rejected_full);
  }
  ClientTransaction& client = transactions_.client(branch);
  client.method = in_->message.method();
  sipcore::EditList edits;
  if (!edit_request(*in_, plan, client, edits) || !fits(edits, client.destination)) {
    free_client(branch);
    free_server(slot);
    counters_.add(Count::rejected_malformed);
    return answer_directly(513, "Message Too Large: no room for our Via");
  }
  if (target->call) counters_.add(Count::calls);
  if (!e.to_tag.empty()) note_in_dialog(client);
  // 17.2.1: the destination may take more than 200 ms
  if (client.kind == Kind::kInvite) answer_directly(100, "Trying");
  send_edited(edits, client.listen, client.destination);
  fork_to_all(branch);
  return Count::request_forwarded;
}

// A destination of the group for what begins something; for what belongs to a call its other side.
std::optional<Proxy::Target> Proxy::find_target(const sipcore::RoutePlan& plan, Ruled& ruled) {
  uint16_t listen = in_->arrival.listen;
  if (in_->essentials.to_tag.empty()) {
    return choose(*in_, ruled.group, listen, kNoSlot, FallBack::kYes, ruled);
  }
  auto way = dialog_way(plan);
  return way ? std::optional(Target{way->target, way->listen}) : std::nullopt;
}

}  // namespace dataplane
