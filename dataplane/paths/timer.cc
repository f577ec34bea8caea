// Time passes (RFC 3261 17, 16.8, 16.9).
#include "dataplane/paths/proxy.h"

namespace dataplane {

Proxy::Proxy(uint8_t worker, const ProxyLimits& limits, Transmit& transmit,
             control::link::Exchange& exchange, uint64_t now_ms)
    : worker_(worker),
      transmit_(transmit),
      counters_(*exchange.counters[worker]),
      transactions_(limits.server_transactions, limits.client_transactions,
                    limits.retired_transactions),
      destinations_(exchange.destinations),
      to_control_(*exchange.to_control[worker]),
      rule_hits_(*exchange.rule_hits[worker]),
      traffic_(*exchange.traffic[worker]),
      published_minute_(exchange.minute_of_week),
      blobs_(limits.retired_transactions / 2, limits.stored_messages),
      dialogs_(limits.dialogs),
      wheel_(transactions_.servers() + transactions_.clients() + transactions_.branches(), now_ms),
      now_ms_(now_ms),
      now_us_(now_ms * 1000) {}

void Proxy::begin_turn(const control::link::RunningConfig& config, uint64_t now_us) {
  config_ = &config;
  now_us_ = now_us;
  now_ms_ = now_us / 1000;
  minute_of_week_ = published_minute_.load(std::memory_order_relaxed);
}

void Proxy::show_use() const {
  traffic_.server_transactions.set(transactions_.servers_in_use());
  traffic_.client_transactions.set(transactions_.clients_in_use());
  traffic_.branches.set(transactions_.branches_in_use());
  traffic_.stored_messages.set(blobs_.in_use());
  traffic_.dialogs.set(dialogs_.in_use());
  traffic_.waiting_packets.set(transmit_.waiting());
}

// In the wheel's numbering servers come first, then clients, then branches.
uint32_t Proxy::client_timer(uint32_t slot) const {
  return slot + static_cast<uint32_t>(transactions_.servers());
}

uint32_t Proxy::branch_timer(uint32_t slot) const {
  return client_timer(slot) + static_cast<uint32_t>(transactions_.clients());
}

void Proxy::run_timers(size_t budget) {
  const uint32_t clients = client_timer(0), branches = branch_timer(0);
  auto due = [&](uint32_t id) {
    if (id < clients) {
      on_server_timer(id);
    } else if (id < branches) {
      on_client_timer(id - clients);
    } else {
      free_retired(id - branches);
    }
  };
  // What is retired was not touched for 32 s, most of it.
  auto ahead = [&](uint32_t next, uint32_t after_next) {
    auto retired = [&](uint32_t id) {
      return id >= branches && id != control::link::TimerWheel::kNone;
    };
    if (retired(next)) transactions_.prefetch_index(next - branches);
    if (retired(after_next)) transactions_.prefetch_branch(after_next - branches);
  };
  wheel_.advance(now_ms_, budget, due, ahead);
  dialogs_.sweep(now_ms_, [this](uint32_t slot) {
    counters_.add(Count::dialogs_expired);
    end_dialog(slot);
  });
}

void Proxy::arm_server(uint32_t slot) {
  uint64_t next = transactions_.server(slot).timers.next();
  if (next != 0) {
    wheel_.schedule(slot, next);
  } else {
    wheel_.cancel(slot);
  }
}

void Proxy::arm_client(uint32_t slot) {
  uint64_t next = transactions_.client(slot).timers.next();
  if (next != 0) {
    wheel_.schedule(client_timer(slot), next);
  } else {
    wheel_.cancel(client_timer(slot));
  }
}

void Proxy::on_server_timer(uint32_t slot) {
  ServerTransaction& server = transactions_.server(slot);
  bool timeout = server.timers.timeout_at_ms != 0 && server.timers.timeout_at_ms <= now_ms_;
  bool again = server.timers.retransmit_at_ms != 0 && server.timers.retransmit_at_ms <= now_ms_;
  if (!timeout && !again) {
    arm_server(slot);
    return;
  }
  if (timeout) server.timers.timeout_at_ms = 0;
  if (server.kind == Kind::kInvite) {
    using namespace sipcore::invite_server;
    const auto& step = kMachine.step(static_cast<State>(server.state),
                                     timeout ? Event::kTimeout : Event::kRetransmit);
    server.state = static_cast<uint8_t>(step.next);
    perform_server(slot, step.actions, step.timer);
    return;
  }
  using namespace sipcore::server;
  const auto& step = kMachine.step(static_cast<State>(server.state), Event::kTimeout);
  server.state = static_cast<uint8_t>(step.next);
  perform_server(slot, step.actions, step.timer);
}

void Proxy::on_client_timer(uint32_t slot) {
  Timers& timers = transactions_.client(slot).timers;
  auto due = [&](uint64_t at) { return at != 0 && at <= now_ms_; };
  if (due(timers.timeout_at_ms)) {
    on_timeout(slot);
  } else if (due(timers.failover_at_ms)) {
    on_silence(slot);
  } else if (due(timers.retransmit_at_ms)) {
    on_retransmit(slot);
  } else {
    arm_client(slot);
  }
}

void Proxy::on_retransmit(uint32_t slot) {
  ClientTransaction& client = transactions_.client(slot);
  if (!client.heard) note_late(client);
  if (client.kind == Kind::kInvite) {
    using namespace sipcore::invite_client;
    const auto& step = kMachine.step(static_cast<State>(client.state), Event::kRetransmit);
    perform_client(slot, step.actions, step.timer);
    return;
  }
  using namespace sipcore::client;
  const auto& step = kMachine.step(static_cast<State>(client.state), Event::kRetransmit);
  perform_client(slot, step.actions, step.timer);
}

// Timers B, C, D, F, K and M, by the state they run in.
void Proxy::on_timeout(uint32_t slot) {
  ClientTransaction& client = transactions_.client(slot);
  client.timers.timeout_at_ms = 0;
  uint16_t actions = 0;
  sipcore::Timer timer{};
  if (client.kind == Kind::kInvite) {
    using namespace sipcore::invite_client;
    const auto& step = kMachine.step(static_cast<State>(client.state), Event::kTimeout);
    client.state = static_cast<uint8_t>(step.next);
    actions = step.actions;
    timer = step.timer;
  } else {
    using namespace sipcore::client;
    const auto& step = kMachine.step(static_cast<State>(client.state), Event::kTimeout);
    client.state = static_cast<uint8_t>(step.next);
    actions = step.actions;
    timer = step.timer;
  }
  bool lost = (actions & sipcore::kReportTimeout) != 0 && client.kind != Kind::kCancel;
  if (lost) counters_.add(Count::branch_timeouts);
  if (lost) find_wanting(client);
  if (lost && !client.done) fail_branch(slot, 408, false);
  bool ring_on = (actions & sipcore::kReportTimerC) != 0;
  perform_client(slot, actions, timer);
  if (ring_on) cancel_branch(slot);
}

// A destination of a group has said nothing yet: ask the next one, and cancel this one should it
// wake up (16.7 step 10). With nobody left to ask, the wait goes on to the end of timer B or F.
void Proxy::on_silence(uint32_t slot) {
  ClientTransaction& client = transactions_.client(slot);
  client.timers.failover_at_ms = 0;
  find_wanting(client);
  bool asked = client.server != kNoSlot && try_next(client.server);
  if (asked) {
    count_failure(client);
    give_up_load(client);
    client.done = true;
    client.cancel_wanted = client.kind == Kind::kInvite;
    client.timers.retransmit_at_ms = 0;
    counters_.add(Count::branch_timeouts);
  }
  arm_client(slot);
}

void Proxy::unreachable(const sipcore::BranchToken& branch) {
  if (branch.worker != worker_ || !transactions_.current(branch.slot, branch.generation)) return;
  if (transactions_.branch(branch.slot).retired) return;
  uint32_t slot = transactions_.branch(branch.slot).client;
  ClientTransaction& client = transactions_.client(slot);
  uint16_t actions = 0;
  if (client.kind == Kind::kInvite) {
    using namespace sipcore::invite_client;
    const auto& step = kMachine.step(static_cast<State>(client.state), Event::kTransportError);
    client.state = static_cast<uint8_t>(step.next);
    actions = step.actions;
  } else {
    using namespace sipcore::client;
    const auto& step = kMachine.step(static_cast<State>(client.state), Event::kTransportError);
    client.state = static_cast<uint8_t>(step.next);
    actions = step.actions;
  }
  if ((actions & sipcore::kReportError) != 0) {
    counters_.add(Count::branch_errors);
    find_wanting(client);
    if (!client.done) fail_branch(slot, 503, false);
  }
  perform_client(slot, actions, sipcore::Timer::kKeep);
}

void Proxy::free_server(uint32_t slot) {
  ServerTransaction& server = transactions_.server(slot);
  give_back_reserved(server);
  server.places.give_back(destinations_);
  blobs_.drop(server.request);
  blobs_.drop(server.response);
  blobs_.drop(server.best);
  wheel_.cancel(slot);
  transactions_.free_server(slot);
  counters_.add(Count::transactions_freed);
}

void Proxy::free_client(uint32_t slot) {
  end_load(transactions_.client(slot));
  blobs_.drop(transactions_.client(slot).request);
  wheel_.cancel(client_timer(slot));
  transactions_.free_client(slot);
  counters_.add(Count::transactions_freed);
}

}  // namespace dataplane
