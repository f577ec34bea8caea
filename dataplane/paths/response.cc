// A response arrives (RFC 3261 16.7, 17.1): its topmost Via names the client transaction.
#include <algorithm>

#include "dataplane/paths/proxy.h"
#include "sipcore/build/probe.h"

namespace dataplane {

using control::link::Count;
using sipcore::Method;
using sipcore::TokenStatus;

Count Proxy::on_response() {
  const sipcore::BranchToken& token = in_->branch;
  if (in_->branch_status == TokenStatus::kForeign) return Count::drop_unknown_response;
  if (in_->branch_status == TokenStatus::kForged) return Count::drop_forged_token;
  if (token.worker == sipcore::kProbeWorker) return on_probe_response();
  if (token.worker != worker_ || !transactions_.current(token.slot, token.generation)) {
    return Count::drop_stale_token;
  }
  const Branch& branch = transactions_.branch(token.slot);
  if (branch.retired) return on_retired_response(branch);
  const ClientTransaction& client = transactions_.client(branch.client);
  Method method = sipcore::method_of(in_->essentials.cseq_method);
  if (method == client.method) {
    if (!sipcore::has_second_via(in_->message, *in_->essentials.via))
      return Count::drop_bad_response;
    return on_client_response(branch.client);
  }
  bool to_cancel = method == Method::kCancel && client.kind == Kind::kInvite;
  if (!to_cancel) return Count::drop_unknown_response;
  // Our CANCEL has the branch of its INVITE (9.1); the CSeq tells whose response it is.
  return client.cancel == kNoSlot ? Count::response_consumed : on_client_response(client.cancel);
}

// A destination has answered control's question whether it is alive.
Count Proxy::on_probe_response() {
  control::link::ToControl message;
  message.what = control::link::ToControl::What::kProbeAnswered;
  message.branch = in_->branch;
  message.status = in_->message.status();
  message.retry_after_s = retry_after_s();
  message.at_us = now_us_;
  return to_control_.push(message) ? Count::response_consumed : Count::drop_no_memory;
}

Count Proxy::on_client_response(uint32_t slot) {
  hear(transactions_.client(slot));
  bool pass = step_client(slot, in_->message.status());
  if (!pass) return Count::response_consumed;
  ClientTransaction& client = transactions_.client(slot);
  if (client.kind == Kind::kCancel) return Count::response_consumed;
  if (client.server == kNoSlot) return Count::drop_stale_token;
  int status = in_->message.status();
  if (status < 200 && client.cancel_wanted) cancel_branch(slot);
  // The word of a destination that was given up does not count, unless it ends the search.
  bool success = status >= 200 && status < 300;
  if (client.done && !success && status < 600) return Count::response_consumed;
  uint32_t server = client.server;
  note_bye_answered(client, status);
  if (success) {
    begin_dialog(client);
    end_load(client);
  }
  if (status >= 300) {
    fail_branch(slot, status, true);
  } else {
    client.done = success;
    pass_up(slot);
    if (success) cancel_branches(server, slot);  // 16.7 step 10
  }
  if (status >= 200) retire_if_done(server);
  return in_->packet == nullptr ? Count::response_forwarded : Count::response_consumed;
}

// Steps the machine of the branch; true: the response is for the proxy core.
bool Proxy::step_client(uint32_t slot, int status) {
  ClientTransaction& client = transactions_.client(slot);
  if (status >= 101) client.timers.failover_at_ms = 0;
  if (client.kind == Kind::kInvite) {
    using namespace sipcore::invite_client;
    Event event = status == 100  ? Event::kTrying
                  : status < 200 ? Event::kProvisional
                  : status < 300 ? Event::kSuccess
                                 : Event::kFailure;
    const auto& step = kMachine.step(static_cast<State>(client.state), event);
    client.state = static_cast<uint8_t>(step.next);
    client.timers.failover_at_ms = 0;  // the destination lives, if only to say 100
    perform_client(slot, step.actions, step.timer);
    if (step.next == State::kProceeding && client.cancel_wanted && status == 100)
      cancel_branch(slot);
    return (step.actions & sipcore::kPass) != 0;
  }
  using namespace sipcore::client;
  Event event = status == 100 ? Event::kTrying : status < 200 ? Event::kProvisional : Event::kFinal;
  const auto& step = kMachine.step(static_cast<State>(client.state), event);
  client.state = static_cast<uint8_t>(step.next);
  client.timers.failover_at_ms = 0;
  perform_client(slot, step.actions, step.timer);
  return (step.actions & sipcore::kPass) != 0;
}

// The one place where the actions of a client machine are carried out, but for kPass and kReport…,
// which the caller handles because they lead upstream.
void Proxy::perform_client(uint32_t slot, uint16_t actions, sipcore::Timer timer) {
  ClientTransaction& client = transactions_.client(slot);
  Timers& timers = client.timers;
  const sipcore::TimerValues& values = config_->timers;
  if (actions & sipcore::kStopRetransmit) timers.retransmit_at_ms = 0;
  if (actions & sipcore::kResend) {
    if (client.kind == Kind::kCancel) {
      // Its INVITE may have ended meanwhile, then there is no need.
      if (client.cancel != kNoSlot) send_cancel(client.cancel, Count::sent_again);
    } else {
      send_rebuilt(slot, Count::sent_again);
    }
  }
  if (actions & (sipcore::kDouble | sipcore::kDoubleToT2)) timers.interval_ms *= 2;
  if (actions & sipcore::kDoubleToT2)
    timers.interval_ms = std::min(timers.interval_ms, values.t2_ms);
  if (actions & sipcore::kEveryT2) timers.interval_ms = values.t2_ms;
  if (actions & (sipcore::kDouble | sipcore::kDoubleToT2 | sipcore::kEveryT2)) {
    timers.retransmit_at_ms = now_ms_ + timers.interval_ms;
  }
  if (timer != sipcore::Timer::kKeep) timers.timeout_at_ms = now_ms_ + values.of(timer);
  // A 2xx ends all need for the request: no retransmission, no ACK and no CANCEL of ours will
  // follow.
  if (timer == sipcore::Timer::kM || timer == sipcore::Timer::kK) blobs_.drop(client.request);
  if (actions & sipcore::kAck) send_ack(slot);
  if (actions & sipcore::kFree) {
    free_client(slot);
  } else {
    arm_client(slot);
  }
}

// Whether the group asks another destination after this answer; never after a 6xx (16.7 step 5).
bool Proxy::fails_over(const ServerTransaction& server, int status) const {
  uint16_t group = group_of(server);
  return group != kNoGroup && status < 600 &&
         config_->groups[group].failover_codes.test(static_cast<size_t>(status));
}

// A branch has failed, by a response in hand, by silence (408) or because it cannot be reached
// (503).
void Proxy::fail_branch(uint32_t slot, int status, bool from_response) {
  ClientTransaction& client = transactions_.client(slot);
  uint32_t server_slot = client.server;
  if (server_slot == kNoSlot) return;
  client.done = true;
  if (!from_response) note_bye_answered(client, status);
  ServerTransaction& server = transactions_.server(server_slot);
  if (!from_response) count_failure(client);
  end_load(client);
  bool timeout = status == 408 && (!from_response || server.kind == Kind::kOther);
  keep_best(server, status, from_response && !timeout);
  if (status >= 600) cancel_branches(server_slot, slot);  // 16.7 step 5
  // An answer that is meant for the caller ends the search, whatever others say after it.
  server.refused |= from_response && !fails_over(server, status);
  if (waiting_for_branch(server)) return;
  if (!server.refused && try_next(server_slot)) return;
  finish(server_slot);
}

}  // namespace dataplane
