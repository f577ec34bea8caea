// The configuration as the workers see it: immutable, published by control, read without a lock.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/link/destination_name.h"
#include "control/link/destinations.h"
#include "control/link/networks.h"
#include "control/link/sources.h"
#include "sipcore/balance/hash_of.h"
#include "sipcore/balance/rendezvous.h"
#include "sipcore/balance/round_robin.h"
#include "sipcore/grammar/chars.h"
#include "sipcore/grammar/ip.h"
#include "sipcore/rules/rule_set.h"
#include "sipcore/transaction/step.h"

namespace control::link {

inline constexpr uint16_t kNoGroup = 0xffff;
inline constexpr size_t kMostGroups = 1024;
inline constexpr uint16_t kAnyListen = 0xffff;

struct Listen {
  sipcore::Endpoint endpoint;
  uint16_t port = 0;                          // index of the packet port it is reached through
  uint16_t group = 0;                         // that gets what comes here
  std::shared_ptr<const Networks> balancers;  // that put a PROXY header before what they send here
  sipcore::Endpoint advertised;               // by which callers know it; none: the endpoint
};

enum class Algorithm : uint8_t {
  kHash,
  kRoundRobin,
  kRandom,
  kLeastCalls,
  kLeastWork,
  kLowestLatency,
  kCongestion,
  kParallel,
};

// By their values; as the configuration and management say them.
inline constexpr std::string_view kAlgorithmNames[] = {
    "hash",       "round_robin",    "random",     "least_calls",
    "least_work", "lowest_latency", "congestion", "parallel"};

struct Destination {
  DestinationName name;
  sipcore::Endpoint endpoint;
  uint32_t weight = 1;
  uint32_t priority = 0;         // the highest is asked first
  uint32_t capacity = 0;         // calls at a time; 0: no limit
  sipcore::CallRate call_rate;   // new calls
  uint16_t listen = kAnyListen;  // that requests to it are sent from
  uint16_t slot = kNoDestination;
  std::shared_ptr<const void> hold;  // keeps the slot
};

// Destinations of the same priority, next to each other.
struct Tier {
  uint16_t first = 0;
  uint16_t count = 0;
  std::shared_ptr<const sipcore::RendezvousTable> table;  // for kHash
  std::shared_ptr<const sipcore::RoundRobin> sequence;    // for kRoundRobin
};

// How its destinations are asked whether they are alive.
struct ProbeSettings {
  uint32_t interval_ms = 0;  // 0: not at all
  uint32_t timeout_ms = 2000;
  uint32_t down = 3;         // failures in a row that make it down
  uint32_t up = 2;           // answers in a row that bring it back
  uint32_t calm_ms = 60000;  // down again within this time: it flaps
  std::string from;          // URI; empty: of the address that asks
  std::bitset<700> codes;    // answers that show it alive; 2xx and 503 always do
};

// What all calls of a group, or of a rule, may be together. It has a slot of its own in
// Destinations, which counts them; without a limit there is none.
struct CallLimit {
  uint32_t capacity = 0;        // calls at a time; 0: no limit
  sipcore::CallRate call_rate;  // new calls; of a rule all requests that it matches
  uint16_t slot = kNoDestination;
  std::shared_ptr<const void> hold;  // keeps the slot

  bool any() const { return capacity > 0 || call_rate.any(); }
};

struct Group {
  static constexpr int kMostStatus = 700;

  std::string name;
  uint32_t id = 0;  // of the name: finds the group again after a reload, group_id()
  Algorithm algorithm = Algorithm::kHash;
  sipcore::HashOf hash_of = sipcore::HashOf::kCallId;
  std::string hash_header;  // for kHeader
  // A destination gets at most so many percent of its fair share of the calls that are up; 0: any.
  uint32_t bounded_load_percent = 0;
  std::vector<Destination> destinations;  // by priority
  uint32_t weight_unit = 1;               // `weight` of its destinations is in such parts
  bool all_have_capacity = false;         // made by prepare()
  std::vector<Tier> tiers;                // made by prepare()
  uint32_t failover_after_ms = 2000;      // silence after which the next destination is tried
  uint32_t tries = 3;                     // destinations asked for one request, at most
  uint16_t fallback = kNoGroup;           // that gets what nobody here takes
  std::bitset<kMostStatus> failover_codes = std::bitset<kMostStatus>().set(503);
  std::bitset<kMostStatus> breaker_codes = std::bitset<kMostStatus>().set(503);
  sipcore::BreakerSettings breaker;
  uint32_t slow_start_ms = 10000;
  ProbeSettings probe;
  CallLimit limit;
};

// The rules for each place in the path of a message; nullptr where there are none. `number` of a
// rule leads to its policy.
struct Rules {
  struct Policy {
    uint16_t counter = 0;  // in RuleHits
    CallLimit limit;
    int refusal = 503;  // what is beyond the limit is answered with
  };
  std::shared_ptr<const sipcore::RuleSet> request;   // new requests, before they get a destination
  std::shared_ptr<const sipcore::RuleSet> response;  // that go on to the caller
  std::shared_ptr<const sipcore::RuleSet> failure;   // of all destinations that were asked
  std::vector<Policy> policies;

  // The mark of what comes from a destination of some group that rules ask for.
  struct Origin {
    uint64_t mark = 0;
    std::shared_ptr<const Networks> addresses;
  };
  std::vector<Origin> origins;

  // That a request begins with.
  uint64_t marks_of(const sipcore::IpAddress& source) const {
    uint64_t out = 0;
    for (const Origin& one : origins) out |= one.addresses->contains(source) ? one.mark : 0;
    return out;
  }
};

inline uint32_t group_id(const std::string& name) {
  return static_cast<uint32_t>(std::hash<std::string>{}(name));
}

// Orders the destinations by priority and builds the tables. `before`, where there is one, is the
// same group of a former configuration: tables that have not changed are taken from it.
void prepare(Group& group, const sipcore::HashKey& key, const Group* before = nullptr);

// What a node signs and hashes with; both stay over a reload.
struct Keys {
  sipcore::HashKey token;   // tokens in Record-Route, and choices: it outlives the process
  sipcore::HashKey branch;  // branches in our Via, which name slots of this process
};

// Who may send how much.
struct ProtectSettings {
  SourceLimits limits;
  std::shared_ptr<const Networks> trusted;  // by the file, and all destinations: without limits
  std::vector<std::string> scanners;        // beginnings of User-Agent
  bool ban_scanners = false;

  bool trusts(const sipcore::IpAddress& source) const {
    return trusted != nullptr && trusted->contains(source);
  }
  // A tool that looks for holes, by what it calls itself in User-Agent.
  bool is_scanner(std::string_view agent, const sipcore::IpAddress& source) const {
    if (trusts(source)) return false;
    for (const std::string& one : scanners) {
      if (sipcore::equal_nocase(agent.substr(0, one.size()), one)) return true;
    }
    return false;
  }
};

struct RunningConfig {
  std::vector<Listen> listens;
  std::vector<sipcore::Endpoint> own;  // the endpoints of `listens`, then what they are known as
  std::vector<Group> groups;           // the first one gets what no rule sends elsewhere
  sipcore::TimerValues timers;
  Keys keys;
  ProtectSettings protect;
  Rules rules;
  uint32_t retry_after_s = 5;
  uint32_t most_held_s = 300;       // a destination's own Retry-After counts up to here
  uint32_t longest_call_s = 43200;  // a call that shows no sign of life is taken for over

  // Of the `listens`, when all are there.
  void list_own() {
    own.clear();
    for (const Listen& listen : listens) own.push_back(listen.endpoint);
    for (const Listen& listen : listens) {
      if (!listen.advertised.ip.none()) own.push_back(listen.advertised);
    }
  }
};

}  // namespace control::link
