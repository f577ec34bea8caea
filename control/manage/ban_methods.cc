#include "control/manage/ban_methods.h"

#include <algorithm>

namespace control::manage {
namespace {

constexpr size_t kMostListed = 10000;
constexpr uint64_t kMostSeconds = 315360000;  // ten years

link::Network network_at(const Json& params) {
  bool text = params.is_array() && !params.empty() && params[0].is_string();
  auto network = text ? link::parse_network(params[0].get_ref<const std::string&>()) : std::nullopt;
  if (!network) throw RpcError{400, "params are an address or network, like \"192.0.2.0/24\""};
  return *network;
}

uint64_t seconds_at(const Json& params) {
  if (params.size() < 2) return 0;
  if (params[1].is_number_unsigned() && params[1] <= kMostSeconds) return params[1];
  throw RpcError{400, "params are NETWORK, [SECONDS]"};
}

}  // namespace

void add_ban_methods(Rpc& rpc, protect::Guard& guard, std::function<uint64_t()> now_us) {
  auto now_s = [now_us] { return now_us() / 1000000; };
  rpc.add("bans.list", "who is kept out, for how long and why", [&guard, now_s](const Json&) {
    Json bans = Json::array();
    for (const protect::Ban& ban : guard.bans().list(kMostListed)) {
      uint64_t rest = ban.until_s - std::min(ban.until_s, now_s());
      Json left = ban.until_s == 0 ? Json(nullptr) : Json(rest);
      bans.push_back(
          {{"network", to_string(ban.network)}, {"seconds", left}, {"reason", ban.reason}});
    }
    return Json{{"count", guard.bans().all().size()}, {"bans", bans}};
  });
  rpc.add("bans.add", "NETWORK [SECONDS]", [&guard, now_s](const Json& params) -> Json {
    done_or_throw(guard.ban(network_at(params), seconds_at(params), now_s()));
    return "banned";
  });
  rpc.add("bans.remove", "NETWORK", [&guard, now_s](const Json& params) -> Json {
    done_or_throw(guard.unban(network_at(params), now_s()), 404);
    return "free";
  });
}

}  // namespace control::manage
