#include "control/manage/statistics.h"

#include <fmt/format.h>

namespace control::manage {
namespace {

using link::Count;

struct Statistic {
  std::string name;  // group:name
  uint64_t value;
};

std::vector<Statistic> all(const link::Exchange& exchange) {
  std::vector<Statistic> out;
  for (size_t i = 0; i < static_cast<size_t>(Count::kCount); ++i) {
    Count which = static_cast<Count>(i);
    const char* group = which < Count::kFates ? "fate" : which < Count::kSentEnd ? "sent" : "core";
    out.push_back(
        {fmt::format("{}:{}", group, link::kCounterNames[i].name), exchange.total(which)});
  }
  auto rest = [&](Count begun, Count ended) {
    return exchange.total(begun) - exchange.total(ended);
  };
  out.push_back({"tm:current", rest(Count::transactions_created, Count::transactions_freed)});
  out.push_back({"tm:retired", rest(Count::transactions_retired, Count::retired_freed)});
  out.push_back({"dialog:active_dialogs", rest(Count::dialogs_begun, Count::dialogs_ended)});
  out.push_back({"dialog:processed_dialogs", exchange.total(Count::dialogs_begun)});
  out.push_back({"dialog:expired_dialogs", exchange.total(Count::dialogs_expired)});
  return out;
}

// Whether the params name it: a statistic, a group with its colon, or "all".
bool is_wanted(const Json& params, const std::string& statistic) {
  bool wanted = params.is_null() || params.empty();
  for (const Json& one : params) {
    std::string name = one;
    bool group = name.ends_with(':') && statistic.starts_with(name);
    bool single = statistic == name || statistic.ends_with(":" + name);
    wanted |= name == "all" || group || single;
  }
  return wanted;
}

template <class Take>
void select(const link::Exchange& exchange, const Json& params, Take take) {
  for (const Json& one : params) {
    if (!one.is_string()) throw RpcError{400, "params are names of statistics, groups or \"all\""};
  }
  for (const Statistic& statistic : all(exchange)) {
    if (is_wanted(params, statistic.name)) take(statistic);
  }
  // Ports are asked for what somebody wants to know, and nothing else.
  for (const link::PortFigure& one : exchange.port_figures) {
    std::string name = fmt::format("{}:{}_{}", one.group, one.of, one.what);
    if (is_wanted(params, name)) take(Statistic{name, one.read()});
  }
}

}  // namespace

void add_statistics(Rpc& rpc, const link::Exchange& exchange) {
  rpc.add("stats.get_statistics", "counters as lines", [&exchange](const Json& params) {
    Json out = Json::array();
    select(exchange, params, [&](const Statistic& one) {
      out.push_back(fmt::format("{} = {}", one.name, one.value));
    });
    return out;
  });
  rpc.add("stats.fetch", "counters by name", [&exchange](const Json& params) {
    Json out = Json::object();
    select(exchange, params, [&](const Statistic& one) {
      std::string name = one.name;
      name[name.find(':')] = '.';
      out[name] = std::to_string(one.value);
    });
    return out;
  });
}

}  // namespace control::manage
