// CANCEL from the caller (RFC 3261 9.2, 16.10), and what we send on our own hop: CANCEL (9.1) and
// the ACK of a final response that is not 2xx (17.1.1.3).
#include "dataplane/paths/proxy.h"
#include "sipcore/build/ack_cancel.h"
#include "sipcore/build/reply.h"

namespace dataplane {

using control::link::Count;
using sipcore::Method;

// A CANCEL is answered each time it comes, without state of its own: the INVITE's is enough.
Count Proxy::on_cancel() {
  uint32_t branch = transactions_.find(server_key(*in_, Method::kInvite));
  std::string_view agent = in_->message.value(sipcore::HeaderName::kUserAgent);
  if (branch == kNoSlot && config_->protect.is_scanner(agent, in_->arrival.source.ip)) {
    return Count::drop_scanner;
  }
  int status = branch == kNoSlot ? 481 : 200;
  Count fate = answer_directly(status, sipcore::reason_of(status));
  if (branch != kNoSlot && !transactions_.branch(branch).retired) {
    uint32_t server = transactions_.branch(branch).server;
    transactions_.server(server).cancelled = true;
    cancel_branches(server, kNoSlot);
  }
  return fate;
}

void Proxy::cancel_branches(uint32_t server, uint32_t except) {
  for (uint32_t at = transactions_.server(server).first_client; at != kNoSlot;) {
    uint32_t next = transactions_.client(at).next;
    if (at != except) cancel_branch(at);
    at = next;
  }
}

void Proxy::cancel_branch(uint32_t slot) {
  using namespace sipcore::invite_client;
  ClientTransaction& client = transactions_.client(slot);
  client.timers.failover_at_ms = 0;
  if (client.kind != Kind::kInvite) return;
  if (static_cast<State>(client.state) == State::kCalling) client.cancel_wanted = true;
  if (static_cast<State>(client.state) != State::kProceeding) return;
  client.cancel_wanted = false;
  // The CANCEL has its own client transaction; where there is no room it goes out once.
  uint32_t cancel = transactions_.new_cancel();
  if (cancel != kNoSlot) {
    counters_.add(Count::transactions_created);
    ClientTransaction& own = transactions_.client(cancel);
    own.kind = Kind::kCancel;
    own.method = Method::kCancel;
    own.destination = client.destination;
    own.listen = client.listen;
    own.request = blobs_.share(client.request);
    own.cancel = slot;
    client.cancel = cancel;
    own.timers.interval_ms = config_->timers.t1_ms;
    own.timers.retransmit_at_ms = now_ms_ + config_->timers.t1_ms;
    own.timers.timeout_at_ms = now_ms_ + config_->timers.of(sipcore::Timer::kF);
    arm_client(cancel);
  }
  send_cancel(slot, Count::sent_cancel);
  const auto& step = kMachine.step(State::kProceeding, Event::kCancelled);
  client.state = static_cast<uint8_t>(step.next);
  perform_client(slot, step.actions, step.timer);
}

// The CANCEL of the INVITE in that slot.
void Proxy::send_cancel(uint32_t invite, Count kind) {
  const ClientTransaction& client = transactions_.client(invite);
  std::string_view sent = rebuild(invite);
  if (sent.empty() || sent_.read(sent) != sipcore::Fault::kNone) return;
  size_t size = sipcore::build_cancel(sent_.message, sent_.essentials, hop_out_);
  send_bytes({hop_out_.data(), size}, client.listen, client.destination, kind);
}

// For the final response in hand.
void Proxy::send_ack(uint32_t slot) {
  const ClientTransaction& client = transactions_.client(slot);
  std::string_view sent = rebuild(slot);
  if (sent.empty() || sent_.read(sent) != sipcore::Fault::kNone) return;
  size_t size = sipcore::build_ack(sent_.message, sent_.essentials,
                                   in_->message.value(sipcore::HeaderName::kTo), hop_out_);
  send_bytes({hop_out_.data(), size}, client.listen, client.destination, Count::sent_ack);
}

}  // namespace dataplane
