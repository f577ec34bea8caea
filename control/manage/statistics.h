// Counters of all workers by the names and in the shapes of Kamailio's stats.* methods.
#pragma once

#include "control/link/exchange.h"
#include "control/manage/rpc.h"

namespace control::manage {

void add_statistics(Rpc& rpc, const link::Exchange& exchange);

}  // namespace control::manage
