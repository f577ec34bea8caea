// A request goes to a destination (RFC 3261 16.6).
#include <algorithm>

#include "control/link/listen_for.h"
#include "dataplane/net/headers.h"
#include "dataplane/paths/proxy.h"
#include "sipcore/build/reply.h"

namespace dataplane {

using control::link::Algorithm;
using control::link::Destination;
using control::link::Group;
using sipcore::Endpoint;
using sipcore::Method;

namespace {

bool records_route(const sipcore::Message& request, const sipcore::Essentials& essentials) {
  Method method = request.method();
  bool dialog = method == Method::kInvite || method == Method::kSubscribe ||
                method == Method::kRefer || method == Method::kNotify;
  return dialog && essentials.to_tag.empty();
}

}  // namespace

// A target that no peer may make us send to: ourselves, a group or broadcast address, or the
// loopback of this machine unless we listen on it.
bool Proxy::usable(const Endpoint& endpoint) const {
  if (endpoint.port == 0 || endpoint.ip.unusable_as_target() || self().is(endpoint)) return false;
  if (transmit_.hops() != nullptr && transmit_.hops()->nobody(endpoint.ip)) return false;
  return !endpoint.ip.loopback() || config_->own.front().ip.loopback();
}

bool Proxy::is_from_caller(const Parsed& request, const sipcore::RouteToken& token) const {
  return token.caller_tag_hash == sipcore::tag_hash(request.essentials.from_tag, key());
}

// The next hop of a request inside a dialog. Towards the callee it is the destination that got the
// call, which the token names, whatever else Route says: nobody uses a call to reach others.
// Towards the caller it is the Route that is left, else the Request-URI.
std::optional<Endpoint> Proxy::dialog_target(const Parsed& request,
                                             const sipcore::RoutePlan& plan) const {
  if (is_from_caller(request, *plan.token)) return plan.token->destination;
  if (!plan.token->caller_flow.ip.none()) return plan.token->caller_flow;
  auto endpoint = sipcore::literal_endpoint(plan.way());
  if (!endpoint || !usable(*endpoint)) return std::nullopt;
  return endpoint;
}

// Where what belongs to a dialog goes, and whence. A balancer or NAT hands on only what comes from
// the address that it sent to. nullopt: there is no way, or that address is gone.
std::optional<Proxy::Way> Proxy::dialog_way(const sipcore::RoutePlan& plan) const {
  auto target = dialog_target(*in_, plan);
  if (!target) return std::nullopt;
  // A Contact may be of another family than his call was.
  bool has_own = plan.token->caller_listen.ip.family == target->ip.family;
  if (!has_own || is_from_caller(*in_, *plan.token)) {
    auto listen = listen_for(*target, in_->arrival.listen);
    return listen ? std::optional(Way{*target, *listen}) : std::nullopt;
  }
  const auto& listens = config_->listens;
  for (size_t i = 0; i < listens.size(); ++i) {
    bool his = listens[i].endpoint == plan.token->caller_listen;
    if (his) return Way{*target, static_cast<uint16_t>(i)};
  }
  return std::nullopt;
}

// A request towards the caller goes where its sender says, so that the sender must be the
// destination that got the call, or another one of ours. Anybody else, a telephone behind such a
// destination for one, may only reach the address that the call came from.
bool Proxy::may_reach_caller(const sipcore::RoutePlan& plan) const {
  const sipcore::IpAddress& source = in_->arrival.source.ip;
  if (is_from_caller(*in_, *plan.token) || plan.token->destination.ip == source) return true;
  // It goes back the way that the call came, whatever it says.
  if (!plan.token->caller_flow.ip.none()) return true;
  for (const Group& group : config_->groups) {
    for (const Destination& destination : group.destinations) {
      if (destination.endpoint.ip == source) return true;
    }
  }
  auto target = dialog_target(*in_, plan);
  return target && sipcore::address_hash(target->ip, key()) == plan.token->caller_address_hash;
}

// The group of a request under way; a reload may have moved it, or taken it away.
uint16_t Proxy::group_of(const ServerTransaction& server) const {
  return server.group == kNoGroup ? kNoGroup : find_group(server.group_id, server.group);
}

uint16_t Proxy::find_group(uint32_t id, uint16_t likely) const {
  const auto& groups = config_->groups;
  if (likely < groups.size() && groups[likely].id == id) return likely;
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].id == id) return static_cast<uint16_t>(i);
  }
  return kNoGroup;
}

// The address to send from; where there is a choice, the one that the request came to.
std::optional<uint16_t> Proxy::listen_for(const Endpoint& target, uint16_t preferred) const {
  return control::link::listen_for(*config_, transmit_.hops(), target, preferred);
}

uint32_t Proxy::begin_transaction() {
  uint32_t slot = transactions_.new_server(in_->key);
  if (slot == kNoSlot) return kNoSlot;
  ServerTransaction& server = transactions_.server(slot);
  counters_.add(Count::transactions_created);
  server.request = blobs_.store(in_->message.bytes());
  if (server.request == kNoBlob) {
    free_server(slot);
    return kNoSlot;
  }
  server.kind = in_->message.method() == Method::kInvite ? Kind::kInvite : Kind::kOther;
  server.method = in_->message.method();
  server.source = in_->arrival.source;
  server.reply_to = reply_target();
  server.by_balancer = in_->arrival.by_balancer;
  server.listen = in_->arrival.listen;
  server.to_has_tag = !in_->essentials.to_tag.empty();
  return slot;
}

uint32_t Proxy::new_branch(uint32_t server_slot, const Target& target, uint64_t loop) {
  if (transactions_.full_of_branches()) forget_oldest();
  uint32_t slot = transactions_.new_client(server_slot);
  if (slot == kNoSlot) return kNoSlot;
  ServerTransaction& server = transactions_.server(server_slot);
  ClientTransaction& client = transactions_.client(slot);
  counters_.add(Count::transactions_created);
  note_asked(server, target);
  client.destination = target.endpoint;
  client.listen = target.listen;
  begin_load(client, target);
  client.loop = loop;
  server.said = static_cast<uint32_t>(loop);
  client.kind = server.kind;
  client.request = blobs_.share(server.request);
  const sipcore::TimerValues& timers = config_->timers;
  client.timers.interval_ms = timers.t1_ms;
  client.timers.retransmit_at_ms = now_ms_ + timers.t1_ms;
  client.timers.timeout_at_ms = now_ms_ + timers.of(sipcore::Timer::kB);
  if (target.group != kNoGroup) enter_group(server, client, target.group);
  arm_client(slot);
  return slot;
}

void Proxy::enter_group(ServerTransaction& server, ClientTransaction& client, uint16_t index) {
  const Group& group = config_->groups[index];
  if (group_of(server) != index) {
    if (server.group == kNoGroup) server.first_group_id = group.id;
    server.group = index;
    server.group_id = group.id;
    server.tries_here = 0;
  }
  ++server.tries_here;
  if (group.algorithm == Algorithm::kParallel) return;
  client.timers.failover_at_ms = now_ms_ + group.failover_after_ms;
}

// The address of ours by which who has sent it knows us: behind a balancer that of the balancer.
sipcore::Endpoint Proxy::known_to(const ServerTransaction& server) const {
  const control::link::Listen& listen = config_->listens[server.listen];
  bool outside = server.by_balancer || listen.balancers == nullptr;
  return outside && !listen.advertised.ip.none() ? listen.advertised : listen.endpoint;
}

bool Proxy::edit_request(const Parsed& request, const sipcore::RoutePlan& plan,
                         const ClientTransaction& client, sipcore::EditList& edits) {
  char branch[sipcore::kBranchSize];
  char token[sipcore::kRouteTokenMost];
  sipcore::Hop hop;
  hop.branch = sipcore::write_branch(
      branch_key(), {worker_, client.branch, client.generation, client.loop}, branch);
  hop.sent_by = config_->listens[client.listen].endpoint;
  hop.source = in_->arrival.source;
  uint16_t listen_in = in_->arrival.listen;
  sipcore::RouteToken route;
  Endpoint told = config_->listens[listen_in].endpoint;
  if (client.server != kNoSlot) {
    const ServerTransaction& server = transactions_.server(client.server);
    hop.source = server.source;
    listen_in = server.listen;
    if (server.by_balancer) route.caller_flow = server.reply_to;
    told = known_to(server);
    if (server.by_balancer || told != config_->listens[listen_in].endpoint) {
      route.caller_listen = config_->listens[listen_in].endpoint;
    }
  }
  // An answer finds back through a balancer or NAT by its port alone.
  hop.asks_rport = plan.token && hop.sent_by == plan.token->caller_listen;
  Endpoint own[2] = {hop.sent_by, told};
  if (records_route(request.message, request.essentials)) {
    route.destination = client.destination;
    route.caller_tag_hash = sipcore::tag_hash(request.essentials.from_tag, key());
    route.caller_address_hash = sipcore::address_hash(hop.source.ip, key());
    hop.route_token = sipcore::write_route_token(key(), route, request.essentials.call_id, token);
    hop.record_routes = {own, own[0] == own[1] ? size_t{1} : size_t{2}};
  }
  return sipcore::forward_request(request.message, request.essentials, plan, hop, scratch_, edits);
}

// Whether the message in hand, rewritten, is still a datagram.
bool Proxy::fits(const sipcore::EditList& edits, const Endpoint& destination) const {
  int64_t size = static_cast<int64_t>(in_->message.bytes().size()) + edits.growth();
  return size <= most_udp_payload(destination.ip.family);
}

// The packet in hand, taken out of it, with its message rewritten where it lies; nullptr, and
// nothing has changed, if that takes more than `headroom` bytes before the message.
Packet* Proxy::edit_in_place(const sipcore::EditList& edits, size_t headroom) {
  Packet* packet = in_->packet;
  size_t size = in_->message.bytes().size();
  size_t front = static_cast<size_t>(in_->message.bytes().data() - packet->data());
  char* message = packet->data() + front;
  char* begin = sipcore::apply_in_place(edits, message, size, headroom);
  if (begin == nullptr) return nullptr;
  in_->packet = nullptr;
  packet->size = static_cast<uint32_t>(message + size - begin);
  packet->begin = static_cast<uint32_t>(begin - packet->buffer);
  return packet;
}

// The message in hand, rewritten in a packet of its own; nullptr: that cannot be made.
Packet* Proxy::edited_copy(const sipcore::EditList& edits) {
  std::string_view bytes = in_->message.bytes();
  int64_t size = static_cast<int64_t>(bytes.size()) + edits.growth();
  Packet* packet = edits.broken() ? nullptr : transmit_.take(static_cast<size_t>(size));
  if (packet == nullptr) return nullptr;
  packet->size = static_cast<uint32_t>(
      sipcore::apply_copy(edits, bytes, {packet->data(), packet->tailroom()}));
  return packet;
}

// Sends on the request in hand: rewritten where it lies, or, where it grows too much for that, in a
// packet of its own.
void Proxy::send_edited(const sipcore::EditList& edits, uint16_t listen,
                        const Endpoint& destination) {
  const char* message = in_->message.bytes().data();
  size_t before = static_cast<size_t>(message - in_->packet->buffer);
  size_t reserved = headers_size(destination.ip.family);
  Packet* packet = edit_in_place(edits, before > reserved ? before - reserved : 0);
  if (packet == nullptr) packet = edited_copy(edits);
  if (packet == nullptr) {
    counters_.add(Count::tx_failed);
    counters_.add(Count::sent_request);
    return;
  }
  transmit_.send(packet, config_->listens[listen].endpoint, destination, Count::sent_request);
}

// The request of this branch once more as it was sent, in out_; empty: not possible.
std::string_view Proxy::rebuild(uint32_t slot) {
  const ClientTransaction& client = transactions_.client(slot);
  if (client.request == kNoBlob) return {};
  if (again_.read(blobs_.text(client.request)) != sipcore::Fault::kNone) return {};
  sipcore::RoutePlan plan = sipcore::plan_route(again_.message, again_.essentials, self(), key());
  sipcore::EditList edits;
  if (!edit_request(again_, plan, client, edits)) return {};
  return {out_.data(), sipcore::apply_copy(edits, again_.message.bytes(), out_)};
}

void Proxy::send_rebuilt(uint32_t slot, Count kind) {
  const ClientTransaction& client = transactions_.client(slot);
  send_bytes(rebuild(slot), client.listen, client.destination, kind);
}

// Sends the stored request of a server transaction to one destination more, of this group or the
// one behind it; the slot of the branch, kNoSlot: nobody is left, or there is no room.
uint32_t Proxy::ask_another(uint32_t server_slot, uint16_t group, FallBack fall_back) {
  ServerTransaction& server = transactions_.server(server_slot);
  if (server.tries >= kMostTries) return kNoSlot;
  if (again_.read(blobs_.text(server.request)) != sipcore::Fault::kNone) return kNoSlot;
  Ruled ruled;
  ruled.places = server.places;
  ruled.hash = server.hash;
  auto target = choose(again_, group, server.listen, server_slot, fall_back, ruled);
  server.places = ruled.places;
  if (!target) return kNoSlot;
  uint64_t loop = transactions_.client(server.first_client).loop;
  uint32_t slot = new_branch(server_slot, *target, loop);
  if (slot == kNoSlot) {
    give_place_back(*target);
    return kNoSlot;
  }
  transactions_.client(slot).method = again_.message.method();
  send_rebuilt(slot, Count::sent_request);
  return slot;
}

// Serial forking (RFC 3261 16.7 step 5): true when another destination was asked.
bool Proxy::try_next(uint32_t server_slot) {
  ServerTransaction& server = transactions_.server(server_slot);
  // The stored request goes with the final response: nobody is asked after it.
  if (server.cancelled || server.request == kNoBlob || server.best_status >= 600) return false;
  uint16_t group = group_of(server);
  if (group == kNoGroup) return false;
  const Group& here = config_->groups[group];
  bool enough = here.algorithm != Algorithm::kParallel && server.tries_here >= here.tries;
  uint32_t slot = ask_another(server_slot, enough ? here.fallback : group, FallBack::kYes);
  if (slot == kNoSlot) return false;
  counters_.add(Count::failovers);
  fork_to_all(slot);
  return true;
}

// Parallel forking: all others of the group at the same time as the first branch. One that is
// alone, because the others are broken, is not waited for longer than in serial forking.
void Proxy::fork_to_all(uint32_t first) {
  uint32_t server_slot = transactions_.client(first).server;
  uint16_t group = group_of(transactions_.server(server_slot));
  if (group == kNoGroup || config_->groups[group].algorithm != Algorithm::kParallel) return;
  size_t others = 0;
  while (ask_another(server_slot, group, FallBack::kNo) != kNoSlot) ++others;
  if (others > 0) return;
  transactions_.client(first).timers.failover_at_ms =
      now_ms_ + config_->groups[group].failover_after_ms;
  arm_client(first);
}

}  // namespace dataplane
