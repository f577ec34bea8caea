// Towards the caller: responses of others forwarded, the best failure chosen, our own answers made
// (RFC 3261 16.7 steps 3 to 9, 17.2).
#include <algorithm>
#include <utility>

#include "dataplane/net/headers.h"
#include "dataplane/paths/proxy.h"
#include "sipcore/build/reply.h"

namespace dataplane {

namespace {

constexpr int kTimeout = 408;

bool is_challenge(int status) { return status == 401 || status == 407; }

// 16.7 step 6: 6xx before all; else the lowest class, and of 4xx what tells the caller how to ask
// again, unless he has cancelled; a 503 says little about the call and loses against anything, a
// 408 of our own making likewise against a real answer.
int rank(int status, bool cancelled) {
  if (status >= 600) return 0;
  if (status == 503) return 70;
  if (status == kTimeout) return 60;
  bool says_how = is_challenge(status) || status == 415 || status == 420 || status == 484;
  return status / 100 * 10 - (says_how && !cancelled ? 1 : 0);
}

bool final_state(const ServerTransaction& server) {
  if (server.kind == Kind::kInvite) {
    return server.state != static_cast<uint8_t>(sipcore::invite_server::State::kProceeding);
  }
  return server.state >= static_cast<uint8_t>(sipcore::server::State::kCompleted);
}

}  // namespace

// The response in hand as it goes up; where it grows, in a packet of its own. nullptr: that cannot
// be made.
Packet* Proxy::as_it_goes_up(uint64_t& marks) {
  sipcore::EditList edits;
  sipcore::forward_response(in_->message, *in_->essentials.via, edits);
  rule_response(marks, edits);
  if (Packet* packet = edit_in_place(edits, 0)) return packet;
  Packet* packet = edited_copy(edits);
  if (packet != nullptr) release(std::exchange(in_->packet, nullptr));
  return packet;
}

// What is needed to say this response again when its request is repeated.
void Proxy::keep_own_part(ServerTransaction& server, const sipcore::Message& response) {
  blobs_.drop(server.response);
  auto own = sipcore::own_part(response, server.to_has_tag, hop_out_);
  if (own && !own->empty()) server.response = blobs_.store(*own, BlobPool::What::kPart);
  bool kept = own && (own->empty() || server.response != kNoBlob);
  server.status = kept ? static_cast<int16_t>(response.status()) : int16_t{0};
}

// Forwards the response in hand.
void Proxy::pass_up(uint32_t slot) {
  uint32_t server_slot = transactions_.client(slot).server;
  int status = in_->message.status();
  ServerTransaction& server = transactions_.server(server_slot);
  bool success_of_invite = server.kind == Kind::kInvite && status >= 200 && status < 300;
  bool after_failure = success_of_invite && server.best_status != 0 && final_state(server);
  if (status >= 200 && !final_state(server)) {
    count_outcome(server, status);
  }
  if (!step_server(server_slot, status)) return;
  bool as_it_came = config_->rules.response == nullptr;
  if (server.kind != Kind::kInvite && as_it_came) keep_own_part(server, in_->message);
  Packet* packet = as_it_goes_up(server.marks);
  if (packet == nullptr) return;
  if (server.kind != Kind::kInvite && !as_it_came) {
    again_.message.parse(packet->bytes());
    keep_own_part(server, again_.message);
  }
  traffic_.response_out(server.listen, server.method, status);
  if (server.kind == Kind::kInvite) {
    // A 2xx is repeated by its callee, a failure by us, even where a 2xx follows it.
    if (!after_failure) blobs_.drop(server.response);
    if (!success_of_invite) server.response = blobs_.store(packet->bytes());
  }
  sipcore::Endpoint from = config_->listens[server.listen].endpoint;
  transmit_.send(packet, from, server.reply_to, Count::sent_response);
}

// Keeps the response in hand if it beats what other branches said before.
void Proxy::keep_best(ServerTransaction& server, int status, bool from_response) {
  if (final_state(server)) return;
  bool both_ask = is_challenge(server.best_status) && is_challenge(status);
  if (both_ask && server.best != kNoBlob) {
    keep_challenges(server);
    return;
  }
  bool beaten = server.best_status != 0 &&
                rank(server.best_status, server.cancelled) <= rank(status, server.cancelled);
  if (beaten && !both_ask) return;
  server.best_status = static_cast<int16_t>(status);
  blobs_.drop(server.best);
  if (!from_response || status == 503) return;
  std::string_view text = copy_that_goes_up(server);
  if (!text.empty()) server.best = blobs_.store(text);
}

// The response in hand as it goes up, in out_; empty: that cannot be made, or is no datagram.
std::string_view Proxy::copy_that_goes_up(ServerTransaction& server) {
  sipcore::EditList edits;
  sipcore::forward_response(in_->message, *in_->essentials.via, edits);
  rule_response(server.marks, edits);
  auto room = std::span(out_).first(most_udp_payload(server.reply_to.ip.family));
  return {out_.data(), sipcore::apply_copy(edits, in_->message.bytes(), room)};
}

// 16.7 step 7: the response in hand wants credentials, as the best one does; the caller, who can
// answer only one response, is told of both. What is too long for a datagram stays behind.
void Proxy::keep_challenges(ServerTransaction& server) {
  sent_.message.parse(copy_that_goes_up(server));
  again_.message.parse(blobs_.text(server.best));
  auto room = std::span(hop_out_).first(most_udp_payload(server.reply_to.ip.family));
  size_t size = sipcore::add_challenges(again_.message, sent_.message, room);
  Blob both = size == 0 ? kNoBlob : blobs_.store({hop_out_.data(), size});
  if (both == kNoBlob) return;
  blobs_.drop(server.best);
  server.best = both;
}

bool Proxy::waiting_for_branch(const ServerTransaction& server) {
  for (uint32_t at = server.first_client; at != kNoSlot; at = transactions_.client(at).next) {
    if (!transactions_.client(at).done) return true;
  }
  return false;
}

// All branches have failed: the best failure goes up.
void Proxy::finish(uint32_t slot) {
  ServerTransaction& server = transactions_.server(slot);
  if (final_state(server)) return;
  int status = server.best_status;
  if (server.best == kNoBlob && server.cancelled) status = 487;
  if (rule_failure(slot, status)) return;
  // 16.7 step 6: the 503 of those that were asked says nothing about us while others are left, and
  // would have whoever sent it keep everything from us.
  if (status == 503 && (group_of(server) == kNoGroup || others_are_left(slot))) status = 500;
  if (server.kind == Kind::kOther && status == kTimeout && server.best == kNoBlob) {
    // RFC 4320 4.2: the caller has given up as well, a 408 would come too late.
    const auto& step = sipcore::server::kMachine.step(
        static_cast<sipcore::server::State>(server.state), sipcore::server::Event::kAbandon);
    server.state = static_cast<uint8_t>(step.next);
    perform_server(slot, step.actions, step.timer);
    return;
  }
  if (server.best == kNoBlob) {
    answer_server(slot, status);
    return;
  }
  Blob best = std::exchange(server.best, kNoBlob);
  count_outcome(server, status);
  if (step_server(slot, status)) send_stored(server, best, Count::sent_response);
  traffic_.response_out(server.listen, server.method, status);
  if (server.kind == Kind::kInvite) {
    blobs_.drop(server.response);
    server.response = best;
    return;
  }
  again_.message.parse(blobs_.text(best));
  keep_own_part(server, again_.message);
  blobs_.drop(best);
}

// Steps the server machine with a response of that status; true: it may be sent.
bool Proxy::step_server(uint32_t slot, int status) {
  ServerTransaction& server = transactions_.server(slot);
  uint16_t actions = 0;
  sipcore::Timer timer{};
  if (server.kind == Kind::kInvite) {
    using namespace sipcore::invite_server;
    Event event = status < 200   ? Event::kProvisional
                  : status < 300 ? Event::kSuccess
                                 : Event::kFailure;
    const auto& step = kMachine.step(static_cast<State>(server.state), event);
    server.state = static_cast<uint8_t>(step.next);
    actions = step.actions;
    timer = step.timer;
  } else {
    using namespace sipcore::server;
    const auto& step = kMachine.step(static_cast<State>(server.state),
                                     status < 200 ? Event::kProvisional : Event::kFinal);
    server.state = static_cast<uint8_t>(step.next);
    actions = step.actions;
    timer = step.timer;
  }
  perform_server(slot, actions, timer);
  return (actions & sipcore::kSend) != 0;
}

// The one place where the actions of a server machine are carried out; kSend and kPass are the
// caller's, who has the message.
void Proxy::perform_server(uint32_t slot, uint16_t actions, sipcore::Timer timer) {
  ServerTransaction& server = transactions_.server(slot);
  Timers& timers = server.timers;
  const sipcore::TimerValues& values = config_->timers;
  if (actions & sipcore::kStopRetransmit) timers.retransmit_at_ms = 0;
  if (actions & sipcore::kResend) resend_response(slot);
  if (actions & sipcore::kStartRetransmit) timers.interval_ms = values.t1_ms;
  if (actions & sipcore::kDoubleToT2) {
    timers.interval_ms = std::min(2 * timers.interval_ms, values.t2_ms);
  }
  if (actions & (sipcore::kStartRetransmit | sipcore::kDoubleToT2)) {
    timers.retransmit_at_ms = now_ms_ + timers.interval_ms;
  }
  if (timer != sipcore::Timer::kKeep) {
    timers.timeout_at_ms = now_ms_ + values.of(timer);
    if (timer == sipcore::Timer::kL || timer == sipcore::Timer::kI) blobs_.drop(server.response);
    blobs_.drop(server.request);
    blobs_.drop(server.best);
  }
  if (actions & sipcore::kFree) {
    free_server(slot);
  } else {
    arm_server(slot);
  }
}

void Proxy::send_stored(const ServerTransaction& server, Blob blob, Count kind) {
  if (blob == kNoBlob) return;
  send_bytes(blobs_.text(blob), server.listen, server.reply_to, kind);
}

// To an INVITE the 100 is made again instead of being kept, before a destination has said anything;
// to others all that the repeated request, in hand, says itself.
void Proxy::resend_response(uint32_t slot) {
  const ServerTransaction& server = transactions_.server(slot);
  if (server.kind != Kind::kInvite) {
    resend_own(server);
    return;
  }
  if (server.response != kNoBlob) {
    send_stored(server, server.response, Count::sent_again);
    return;
  }
  if (server.request == kNoBlob || final_state(server)) return;
  if (again_.read(blobs_.text(server.request)) != sipcore::Fault::kNone) return;
  size_t size = write_reply(again_, server.source, 100, "Trying", {});
  if (size > 0) send_bytes({out_.data(), size}, server.listen, server.reply_to, Count::sent_again);
}

// In answer to the request in hand, which came before; status 0: nothing was kept of it. One that
// has the branch of another, but says something else, must not get what looks like its own answer.
void Proxy::resend_own(const Answer& answer) {
  if (answer.status == 0) return;
  const sipcore::Essentials& e = in_->essentials;
  const sipcore::Endpoint& source = in_->arrival.source;
  sipcore::RoutePlan plan = sipcore::plan_route(in_->message, e, self(), key());
  uint64_t says = sipcore::loop_hash(in_->message, e, plan, key());
  if (static_cast<uint32_t>(says) != answer.said) return;
  std::string_view own;
  if (answer.response != kNoBlob) own = blobs_.text(answer.response);
  size_t size = sipcore::rebuild_response(in_->message, e, source, answer.status, own,
                                          answer.to_has_tag, out_);
  if (size == 0) return;
  sipcore::Endpoint to = reply_target();
  send_bytes({out_.data(), size}, in_->arrival.listen, to, Count::sent_again);
}

// A final response of our own for a transaction, kept for retransmission.
void Proxy::answer_server(uint32_t slot, int status, std::string_view reason,
                          uint32_t retry_after_s) {
  ServerTransaction& server = transactions_.server(slot);
  if (server.request == kNoBlob ||
      again_.read(blobs_.text(server.request)) != sipcore::Fault::kNone) {
    return;
  }
  if (status == 503 && reason.empty()) {
    retry_after_s = config_->retry_after_s;
    counters_.add(Count::rejected_no_backend);
  }
  if (reason.empty()) reason = sipcore::reason_of(status);
  char text[40];
  std::string_view headers = sipcore::retry_after(retry_after_s, text);
  size_t size = write_reply(again_, server.source, status, reason, headers);
  if (server.kind == Kind::kInvite) {
    blobs_.drop(server.response);
    server.response = blobs_.store({out_.data(), size});
  } else {
    again_.message.parse({out_.data(), size});
    keep_own_part(server, again_.message);
  }
  count_outcome(server, status);
  if (step_server(slot, status) && size > 0) {
    send_bytes({out_.data(), size}, server.listen, server.reply_to, Count::sent_reply);
    traffic_.response_out(server.listen, server.method, status);
  }
}

// What becomes of a call is decided: it goes on, and has its dialog, or is over.
void Proxy::count_outcome(ServerTransaction& server, int status) {
  give_back_reserved(server);
  server.places.give_back(destinations_);
  if (server.kind != Kind::kInvite || server.group == kNoGroup) return;
  counters_.add(status < 300 ? Count::calls_answered : Count::calls_failed);
}

size_t Proxy::write_reply(const Parsed& request, const sipcore::Endpoint& source, int status,
                          std::string_view reason, std::string_view headers) {
  // One tag for all our answers to one request, without keeping it (RFC 3261 8.2.6.2).
  const sipcore::Essentials& e = request.essentials;
  uint64_t tag = sipcore::SipHash(key()).add(e.call_id).add_byte(0).add(e.from_tag).finish();
  char text[16];
  sipcore::Writer to_tag(text);
  if (status > 100) to_tag.add_hex(tag, 16);
  sipcore::Reply answer{status, reason, to_tag.text(), headers};
  return sipcore::build_reply(request.message, e, source, answer, out_);
}

void Proxy::send_probe(const control::link::Outgoing& probe) {
  if (probe.listen >= config_->listens.size()) return;
  send_bytes({probe.bytes.data(), probe.size}, probe.listen, probe.to, Count::sent_probe);
}

void Proxy::send_bytes(std::string_view bytes, uint16_t listen, const sipcore::Endpoint& to,
                       Count kind) {
  Packet* packet = bytes.empty() ? nullptr : transmit_.take(bytes.size());
  if (packet == nullptr) {
    counters_.add(Count::tx_failed);
    counters_.add(kind);
    return;
  }
  std::copy(bytes.begin(), bytes.end(), packet->data());
  packet->size = static_cast<uint32_t>(bytes.size());
  transmit_.send(packet, config_->listens[listen].endpoint, to, kind);
}

}  // namespace dataplane
