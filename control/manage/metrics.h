// What Prometheus is told: counters of all workers added up, states of destinations, rules, limits.
// Reading them costs the workers nothing.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "control/config/live.h"
#include "control/health/condition.h"

namespace control::manage {

struct Clock {
  uint64_t now_ms = 0;  // of the workers
  uint64_t uptime_s = 0;
  size_t bans = 0;
};

// Control thread; the text is made of it elsewhere.
std::vector<prometheus::MetricFamily> metrics(const link::Exchange& exchange,
                                              const config::Live& live, const health::Watch& watch,
                                              const Clock& clock);

}  // namespace control::manage
