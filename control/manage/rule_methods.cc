#include "control/manage/rule_methods.h"

#include "control/manage/explain.h"
#include "control/manage/parse_report.h"

namespace control::manage {
namespace {

Json list(const config::Live& live, const link::Exchange& exchange) {
  const auto& policies = exchange.config.read()->rules.policies;
  Json out = Json::array();
  for (size_t i = 0; i < live.settings().rules.size(); ++i) {
    const config::RuleSettings& one = live.settings().rules[i];
    Json shown = {{"name", one.rule.name},
                  {"on", config::RuleSettings::kOnWords[static_cast<size_t>(one.on)]},
                  {"hits", exchange.total_hits(policies[i].counter)},
                  {"when", conditions_of(one, live.settings())},
                  {"does", actions_of(one, live.settings())}};
    if (one.limit.capacity > 0) {
      shown["calls"] = exchange.destinations.at(policies[i].limit.slot).calls.load();
    }
    out.push_back(std::move(shown));
  }
  return {{"rules", out}};
}

const std::string* text_at(const Json& params, size_t index) {
  bool there = params.is_array() && index < params.size() && params[index].is_string();
  return there ? params[index].get_ptr<const Json::string_t*>() : nullptr;
}

int status_of(const Json& status) {
  bool failure = status.is_number_integer() && status >= 300 && status <= 699;
  if (!failure) throw RpcError{400, "STATUS is that of a failure, a number from 300 to 699"};
  return status.get<int>();
}

// MESSAGE [SOURCE [LISTEN [STATUS]]]: bytes of the message as the characters of those numbers.
Question question_of(const Json& params, const link::RunningConfig& config) {
  const std::string *message = text_at(params, 0), *source = text_at(params, 1),
                    *listen = text_at(params, 2);
  auto bytes = message == nullptr ? std::nullopt : bytes_of(*message);
  if (!bytes) throw RpcError{400, "params are MESSAGE, [SOURCE, [LISTEN, [STATUS]]]"};
  Question out;
  out.bytes = *bytes;
  auto from = sipcore::parse_endpoint(source == nullptr ? "192.0.2.1:5060" : *source, 5060);
  if (!from) throw RpcError{400, "SOURCE is an address, perhaps with a port"};
  out.source = *from;
  if (params.size() > 3) out.failed_with = status_of(params[3]);
  if (listen == nullptr || listen->empty()) return out;
  auto to = sipcore::parse_endpoint(*listen, sipcore::kDefaultPort);
  for (size_t i = 0; to && i < config.listens.size(); ++i) {
    out.listen = static_cast<uint16_t>(i);
    if (config.listens[i].endpoint == *to) return out;
  }
  throw RpcError{404, "LISTEN is the address of no [[listen]]: " + *listen};
}

}  // namespace

void add_rule_methods(Rpc& rpc, const config::Live& live, link::Exchange& exchange,
                      std::function<uint64_t()> now_us) {
  rpc.add("rules.list", "rules, and how often they matched",
          [&live, &exchange](const Json&) { return list(live, exchange); });
  rpc.add("rules.explain", "what becomes of a message: MESSAGE [SOURCE [LISTEN [STATUS]]]",
          [&live, &exchange, now_us](const Json& params) {
            Question question = question_of(params, *exchange.config.read());
            question.now_us = now_us();
            return explain(question, live, exchange);
          });
}

}  // namespace control::manage
