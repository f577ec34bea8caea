// Everything that control and the workers share, in one place: snapshots one way, counters the
// other, a mailbox each way per worker. Outlives both sides.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "control/link/counters.h"
#include "control/link/mailbox.h"
#include "control/link/messages.h"
#include "control/link/next_hop.h"
#include "control/link/port_figure.h"
#include "control/link/running_config.h"
#include "control/link/snapshot.h"
#include "control/link/sources.h"
#include "control/link/trace.h"
#include "control/link/traffic.h"

namespace control::link {

struct Exchange {
  static constexpr size_t kMessages = 1024;  // room of a mailbox
  static constexpr size_t kOutgoing = 256;
  static constexpr size_t kTraced = 256;

  explicit Exchange(size_t workers_, size_t most_destinations = 4096, size_t most_sources = 4096)
      : workers(workers_),
        quiescence(workers_),
        destinations(most_destinations),
        sources(most_sources),
        config(quiescence),
        hops(quiescence),
        denied(quiescence),
        banned(quiescence),
        trace(quiescence) {
    for (size_t i = 0; i < workers; ++i) {
      heartbeats.push_back(std::make_unique<Heartbeat>());
      counters.push_back(std::make_unique<Counters>());
      rule_hits.push_back(std::make_unique<RuleHits>());
      traffic.push_back(std::make_unique<Traffic>());
      to_control.push_back(std::make_unique<Mailbox<ToControl>>(kMessages));
      to_worker.push_back(std::make_unique<Mailbox<ToWorker>>(kMessages));
      traced.push_back(std::make_unique<Mailbox<Traced>>(kTraced));
      to_send.push_back(std::make_unique<Mailbox<Outgoing>>(kOutgoing));
    }
  }

  const size_t workers;
  Quiescence quiescence;
  Destinations destinations;  // outlives the configurations that hold its slots
  Sources sources;
  Snapshot<RunningConfig> config;
  Snapshot<NextHops> hops;
  Snapshot<Networks> denied;    // by the file; there may be none
  Snapshot<Networks> banned;    // for a time; does not touch those who are trusted
  Snapshot<TraceFilter> trace;  // what is to be copied; mostly nothing
  // Local time, from Monday 0:00; written by control.
  std::atomic<uint32_t> minute_of_week{0};
  std::vector<PortFigure> port_figures;  // set before control and the workers start
  // When each worker began its last turn; who stands still is found by it.
  struct alignas(64) Heartbeat {
    std::atomic<uint64_t> at_ms{0};
  };
  bool all_alive(uint64_t now_ms, uint64_t within_ms) const {
    return std::all_of(heartbeats.begin(), heartbeats.end(), [&](const auto& one) {
      return one->at_ms.load(std::memory_order_relaxed) + within_ms >= now_ms;
    });
  }

  // What all workers have counted.
  uint64_t total(Count which) const {
    uint64_t sum = 0;
    for (const auto& one : counters) sum += one->read(which);
    return sum;
  }
  uint64_t total_hits(uint16_t rule) const {
    uint64_t sum = 0;
    for (const auto& one : rule_hits) sum += one->read(rule);
    return sum;
  }
  // `of` gives a number of a worker's Traffic.
  template <class Of>
  uint64_t total_traffic(Of of) const {
    uint64_t sum = 0;
    for (const auto& one : traffic) sum += of(*one);
    return sum;
  }

  // By worker.
  std::vector<std::unique_ptr<Heartbeat>> heartbeats;
  std::vector<std::unique_ptr<Counters>> counters;
  std::vector<std::unique_ptr<RuleHits>> rule_hits;
  std::vector<std::unique_ptr<Traffic>> traffic;
  std::vector<std::unique_ptr<Mailbox<ToControl>>> to_control;
  std::vector<std::unique_ptr<Mailbox<ToWorker>>> to_worker;
  std::vector<std::unique_ptr<Mailbox<Outgoing>>> to_send;
  std::vector<std::unique_ptr<Mailbox<Traced>>> traced;  // to control
};

}  // namespace control::link
