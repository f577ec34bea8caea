// Which of our addresses a message is sent from.
#pragma once

#include <optional>

#include "control/link/next_hop.h"
#include "control/link/running_config.h"

namespace control::link {

// One of the target's family, of the port that leads there; `preferred`, an index, if it is such a
// one. nullopt: there is none of that family.
inline std::optional<uint16_t> listen_for(const RunningConfig& config, const NextHops* hops,
                                          const sipcore::Endpoint& target, uint16_t preferred) {
  const auto& listens = config.listens;
  uint16_t way = hops == nullptr ? kNoPort : hops->port_to(target.ip);
  auto suits = [&](const Listen& listen, bool by_port) {
    if (listen.endpoint.ip.family != target.ip.family) return false;
    return !by_port || listen.port == way;
  };
  for (bool by_port : {true, false}) {
    if (suits(listens[preferred], by_port)) return preferred;
    for (size_t i = 0; i < listens.size(); ++i) {
      if (suits(listens[i], by_port)) return static_cast<uint16_t>(i);
    }
  }
  return std::nullopt;
}

// That a destination is sent to from, for what came to `preferred`.
inline uint16_t listen_to(const RunningConfig& config, const NextHops* hops, const Destination& one,
                          uint16_t preferred) {
  if (one.listen != kAnyListen) return one.listen;
  return listen_for(config, hops, one.endpoint, preferred).value_or(preferred);
}

}  // namespace control::link
