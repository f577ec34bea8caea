// rules.list and rules.explain: which rules there are, how often they match, and what would become
// of a message.
#pragma once

#include "control/config/live.h"
#include "control/manage/rpc.h"

namespace control::manage {

void add_rule_methods(Rpc& rpc, const config::Live& live, link::Exchange& exchange,
                      std::function<uint64_t()> now_us);

}  // namespace control::manage
