// bans.list, bans.add, bans.remove.
#pragma once

#include "control/manage/rpc.h"
#include "control/protect/guard.h"

namespace control::manage {

void add_ban_methods(Rpc& rpc, protect::Guard& guard, std::function<uint64_t()> now_us);

}  // namespace control::manage
