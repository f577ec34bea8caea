// The configuration as the workers see it: immutable, published by control, read without a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sipcore/balance/rendezvous.h"
#include "sipcore/balance/round_robin.h"
#include "sipcore/grammar/ip.h"
#include "sipcore/transaction/step.h"

namespace control::link {

struct Listen {
  sipcore::Endpoint endpoint;
  uint16_t port = 0;  // index of the packet port it is reached through
};

enum class Algorithm : uint8_t { kCallIdHash, kRoundRobin };

// Counted by workers, kept by control over a reload for as long as the destination is configured.
struct DestinationTotals {
  std::atomic<uint64_t> calls{0};     // INVITEs of new calls sent here
  std::atomic<uint64_t> answered{0};  // of them with 2xx
  std::atomic<uint64_t> failed{0};    // branches that failed: 5xx, 6xx, silence, unreachable
};

struct Destination {
  std::string uri;  // as configured: its identity
  sipcore::Endpoint endpoint;
  uint32_t weight = 1;
  bool enabled = true;
  std::shared_ptr<DestinationTotals> totals;
};

struct Group {
  std::string name;
  uint32_t id = 0;  // of the name: finds the group again after a reload, group_id()
  Algorithm algorithm = Algorithm::kCallIdHash;
  std::vector<Destination> destinations;
  std::optional<sipcore::RendezvousTable> table;  // for kCallIdHash
  std::optional<sipcore::RoundRobin> sequence;    // for kRoundRobin
  uint32_t failover_after_ms = 2000;  // silence after which the next destination is tried
  uint32_t tries = 3;                 // destinations asked for one request, at most
};

inline uint32_t group_id(const std::string& name) {
  return static_cast<uint32_t>(std::hash<std::string>{}(name));
}

// What a node signs and hashes with; both stay over a reload.
struct Keys {
  sipcore::HashKey token;   // tokens in Record-Route, and choices: it outlives the process
  sipcore::HashKey branch;  // branches in our Via, which name slots of this process
};

struct RunningConfig {
  std::vector<Listen> listens;
  std::vector<sipcore::Endpoint> own;  // the endpoints of `listens`, for Self
  std::vector<Group> groups;           // the first one gets what no rule sends elsewhere
  sipcore::TimerValues timers;
  Keys keys;
  uint32_t retry_after_s = 5;
};

}  // namespace control::link
