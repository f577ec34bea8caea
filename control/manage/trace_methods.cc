#include "control/manage/trace_methods.h"

#include <algorithm>

#include "control/manage/parse_report.h"

namespace control::manage {
namespace {

using link::TraceFilter;

constexpr uint32_t kUsualSeconds = 60;
constexpr uint32_t kMostSeconds = 3600;
constexpr size_t kOfOneAnswer = 200;
constexpr size_t kMostText = 256;

constexpr const char* kUsage =
    "params are \"call_id\" or \"user\" and its text, or \"all\" and \"\"; "
    "[SECONDS, up to 3600]";

TraceFilter filter_of(const Json& params) {
  bool texts =
      params.is_array() && params.size() >= 2 && params[0].is_string() && params[1].is_string();
  if (!texts) throw RpcError{400, kUsage};
  std::string what = params[0];
  TraceFilter filter;
  filter.text = bytes_of(params[1].get<std::string>()).value_or("");
  bool all = what == "all";
  filter.what = all                 ? TraceFilter::What::kAll
                : what == "call_id" ? TraceFilter::What::kCallId
                                    : TraceFilter::What::kUser;
  bool known = all || what == "call_id" || what == "user";
  if (!known || filter.text.empty() != all || filter.text.size() > kMostText) {
    throw RpcError{400, kUsage};
  }
  return filter;
}

uint32_t seconds_of(const Json& params) {
  if (params.size() < 3) return kUsualSeconds;
  bool fits = params[2].is_number_integer() && params[2] >= 1 && params[2] <= kMostSeconds;
  if (!fits) throw RpcError{400, kUsage};
  return params[2];
}

Json messages(const trace::Recorder& recorder, const Json& params) {
  uint64_t after = after_of(params);
  Json out = Json::array();
  for (const trace::Message& one : recorder.messages()) {
    if (one.number <= after || out.size() == kOfOneAnswer) continue;
    out.push_back({{"number", one.number},
                   {"date_us", one.date_us},
                   {"from", sipcore::to_string(one.from)},
                   {"to", sipcore::to_string(one.to)},
                   {"size", one.size},
                   {"text", visible(one.text)}});
  }
  return {{"active", recorder.active()},
          {"newest", recorder.newest()},
          {"lost", recorder.lost()},
          {"messages", out}};
}

}  // namespace

void add_trace_methods(Rpc& rpc, trace::Recorder& recorder, std::function<uint64_t()> now_us) {
  rpc.add("trace.start", kUsage, [&recorder, now_us](const Json& params) -> Json {
    TraceFilter filter = filter_of(params);
    recorder.start(std::move(filter), now_us() + uint64_t{seconds_of(params)} * 1000000);
    return {{"newest", recorder.newest()}};
  });
  rpc.add("trace.stop", "no copies any more", [&recorder](const Json&) -> Json {
    recorder.stop();
    return "stopped";
  });
  rpc.add("trace.messages", "those after a number: [AFTER]",
          [&recorder](const Json& params) { return messages(recorder, params); });
}

}  // namespace control::manage
