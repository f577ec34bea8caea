#include "control/health/health.h"

#include "control/link/listen_for.h"

namespace control::health {

Health::Health(link::Exchange& exchange, uint64_t seed)
    : exchange_(exchange),
      prober_(
          exchange.destinations, seed,
          [this](const Target& target, const sipcore::BranchToken& token) { send(target, token); }),
      watch_(exchange.destinations) {}

void Health::configure(uint64_t now_us) {
  const link::RunningConfig& config = *exchange_.config.read();
  std::vector<Target> targets;
  for (const link::Group& group : config.groups) {
    if (group.probe.interval_ms == 0) continue;
    for (const link::Destination& one : group.destinations) {
      uint16_t preferred = one.listen == link::kAnyListen ? uint16_t{0} : one.listen;
      auto listen = link::listen_for(config, exchange_.hops.read(), one.endpoint, preferred);
      if (!listen) continue;
      Target target;
      target.slot = one.slot;
      target.listen = one.listen == link::kAnyListen ? *listen : one.listen;
      target.endpoint = one.endpoint;
      target.uri = one.name.uri;
      target.settings = group.probe;
      // The next one is sent a tenth later at most, and has its answer by then.
      target.hold_ms = group.probe.interval_ms * 11 / 10 + group.probe.timeout_ms;
      targets.push_back(std::move(target));
    }
  }
  prober_.configure(std::move(targets), now_us);
  watch_.look(config, now_us / 1000);
}

void Health::tick(uint64_t now_us) {
  prober_.tick(now_us);
  watch_.look(*exchange_.config.read(), now_us / 1000);
}

// By the worker that has the destination's turn; where its mailbox is full the probe is lost, as on
// a wire.
void Health::send(const Target& target, const sipcore::BranchToken& token) {
  const link::RunningConfig& config = *exchange_.config.read();
  link::Outgoing out;
  out.to = target.endpoint;
  out.listen = target.listen;
  sipcore::Endpoint own = config.listens[target.listen].endpoint;
  std::string from = target.settings.from;
  if (from.empty()) from = "sip:" + sipcore::to_string(own);
  sipcore::Probe probe{token, own, target.uri, from};
  size_t size = sipcore::build_probe(probe, config.keys.branch, out.bytes);
  out.size = static_cast<uint16_t>(size);
  if (size > 0) exchange_.to_send[target.slot % exchange_.workers]->push(out);
}

}  // namespace control::health
