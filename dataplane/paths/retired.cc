// A transaction is retired when nothing but repetitions can come: an INVITE that got its 2xx from
// the only branch left, another request that got its final response. It goes on as RFC 3261
// (17.1.2.2, 17.2.2) and RFC 6026 7 have it, with a cache line in place of two transactions.
#include <algorithm>

#include "dataplane/paths/proxy.h"

namespace dataplane {

using control::link::Count;
using sipcore::Method;

void Proxy::retire_if_done(uint32_t slot) {
  const ServerTransaction& server = transactions_.server(slot);
  uint32_t only = server.first_client;
  if (only == kNoSlot || transactions_.client(only).next != kNoSlot) return;
  const ClientTransaction& client = transactions_.client(only);
  if (client.cancel != kNoSlot) return;
  bool invite = server.kind == Kind::kInvite;
  auto server_state = invite ? static_cast<uint8_t>(sipcore::invite_server::State::kAccepted)
                             : static_cast<uint8_t>(sipcore::server::State::kCompleted);
  auto client_state = invite ? static_cast<uint8_t>(sipcore::invite_client::State::kAccepted)
                             : static_cast<uint8_t>(sipcore::client::State::kCompleted);
  if (server.state != server_state || client.state != client_state) return;
  uint64_t end = std::max(server.timers.timeout_at_ms, client.timers.timeout_at_ms);
  wheel_.cancel(slot);
  wheel_.cancel(client_timer(only));
  wheel_.schedule(branch_timer(transactions_.retire(slot, only)), end);
  counters_.add(Count::transactions_freed, 2);
  counters_.add(Count::transactions_retired);
}

// A call that goes on needs the room more than one that is over.
void Proxy::forget_oldest() {
  constexpr size_t kLookedAt = 16;  // with it in the queue are the clients of failed calls
  uint32_t first = branch_timer(0);
  uint32_t id = wheel_.first_waiting(config_->timers.of(sipcore::Timer::kJ), kLookedAt,
                                     [&](uint32_t one) { return one >= first; });
  if (id == control::link::TimerWheel::kNone) return;
  wheel_.cancel(id);
  free_retired(id - first);
  counters_.add(Count::retired_early);
}

// RFC 6026 7.1: the INVITE is absorbed, its ACK goes through. RFC 3261 17.2.2: others are answered
// as before.
Count Proxy::on_retired_request(uint32_t slot) {
  const Branch& branch = transactions_.branch(slot);
  if (branch.kind != Kind::kInvite) {
    resend_own(branch);
  } else if (in_->message.method() == Method::kAck) {
    return on_ack();
  }
  return Count::retransmission;
}

// RFC 6026 7.2: each 2xx to the INVITE goes up, also that of a callee behind another proxy. Every
// other response has been there before (RFC 3261 17.1.2.2).
Count Proxy::on_retired_response(const Branch& branch) {
  bool of_invite = sipcore::method_of(in_->essentials.cseq_method) == Method::kInvite;
  int status = in_->message.status();
  if (branch.kind != Kind::kInvite || !of_invite || status < 200 || status >= 300) {
    return Count::response_consumed;
  }
  if (!sipcore::has_second_via(in_->message, *in_->essentials.via)) {
    return Count::drop_bad_response;
  }
  uint64_t marks = 0;  // are not kept for so long
  Packet* packet = as_it_goes_up(marks);
  if (packet == nullptr) return Count::response_consumed;
  transmit_.send(packet, config_->listens[branch.listen].endpoint, branch.reply_to,
                 Count::sent_response);
  return Count::response_forwarded;
}

void Proxy::free_retired(uint32_t slot) {
  blobs_.drop(transactions_.branch(slot).response);
  transactions_.free_retired(slot);
  counters_.add(Count::retired_freed);
}

}  // namespace dataplane
