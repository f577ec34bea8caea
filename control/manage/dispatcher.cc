#include "control/manage/dispatcher.h"

#include <fmt/format.h>

namespace control::manage {

using config::DestinationSettings;
using link::Admin;
using link::DestinationState;
using sipcore::Breaker;

namespace {

double ms(uint32_t us) { return static_cast<double>(us) / 1000; }

// On average, of all calls that rang; null: none did.
Json post_dial_ms(const DestinationState& state) {
  uint64_t rang = state.rang;
  if (rang == 0) return nullptr;
  return static_cast<double>(state.post_dial_us) / static_cast<double>(rang) / 1000;
}

}  // namespace

// `one`: nullptr where its host name stands for nothing yet.
Json Dispatcher::show(const Name& name, const link::Destination* one) const {
  static const DestinationState kNothing;
  const DestinationState& state = one == nullptr ? kNothing : exchange_.destinations.at(one->slot);
  health::Condition condition = health::condition_of(state, now_us_() / 1000);
  bool probed = one != nullptr && health_.prober().probes(one->slot);
  static const DestinationSettings kUnknown;
  const DestinationSettings* found = live_.find(name);
  const DestinationSettings& settings = found == nullptr ? kUnknown : *found;
  Json socket = name.listen.ip.none() ? Json(nullptr) : Json(sipcore::to_string(name.listen));
  return {
      {"URI", name.uri},
      {"FLAGS", one == nullptr ? "IX" : health::flags(condition, probed)},
      {"PRIORITY", settings.priority},
      {"ATTRS",
       {{"BODY", settings.attributes},
        {"DUID", nullptr},
        {"MAXLOAD", settings.capacity},
        {"CALLS_PER_S", settings.call_rate.peak.events},
        {"CALLS_SUSTAINED", settings.call_rate.sustained.events},
        {"CALLS_WINDOW_S", settings.call_rate.sustained.seconds},
        {"WEIGHT", settings.weight},
        {"RWEIGHT", settings.weight},
        {"SOCKET", socket},
        {"SOCKNAME", nullptr},
        {"OBPROXY", nullptr}}},
      {"LATENCY",
       {{"EST", ms(state.latency.lately_us.value())}, {"AVG", ms(state.latency.usual_us.value())}}},
      {"PDD", post_dial_ms(state)},
      {"RUNTIME", {{"DLGLOAD", state.calls.load()}}},
      {"STATE", one == nullptr ? "unresolved" : health::word(condition)},
      {"ACTIVE", state.calls.load()},
      {"CALLS", state.begun.load()},
      {"ANSWERED", state.answered.load()},
      {"FAILED", state.failed.load()},
      {"OPENED", state.opened.load()},
      {"ADDRESS", one == nullptr ? "" : sipcore::to_string(one->endpoint)},
      {"NAME", to_string(name)},
      {"EDITED", live_.edits().has(name.entry()) || live_.edits().said_of(name).has_value()}};
}

Json Dispatcher::list() const {
  Json records = Json::array();
  const auto& groups = exchange_.config.read()->groups;
  std::vector<int64_t> ids = finder_.ids();
  for (size_t i = 0; i < groups.size(); ++i) {
    const link::Group& group = groups[i];
    Json targets = Json::array();
    std::set<Name> shown;
    for (const link::Destination& one : group.destinations) {
      targets.push_back({{"DEST", show(one.name, &one)}});
      shown.insert(one.name.entry());
    }
    for (const Name& name : finder_.entries(group.name, "all")) {
      if (!shown.contains(name)) targets.push_back({{"DEST", show(name, nullptr)}});
    }
    records.push_back({{"SET",
                        {{"ID", ids[i]},
                         {"NAME", group.name},
                         {"ALGORITHM", link::kAlgorithmNames[static_cast<size_t>(group.algorithm)]},
                         {"TARGETS", targets}}}});
  }
  return {{"NRSETS", records.size()}, {"RECORDS", records}};
}

// Kamailio: STATE GROUP ADDRESS, the state being a, i, t or d, with p for probing behind it.
Json Dispatcher::set_state(const Json& params) {
  constexpr const char* kUsage = "STATE (a, i, t or d), GROUP, URI or \"all\"";
  std::string state = text_at(params, 0, kUsage);
  for (char& c : state) c = sipcore::lower(c);
  if (state.size() == 2 && state[1] == 'p') state.pop_back();
  if (params.size() != 3 || state.size() != 1 ||
      std::string_view("aitd").find(state) == std::string::npos) {
    throw RpcError{400, fmt::format("params are {}", kUsage)};
  }
  auto names = finder_.find(params[1], text_at(params, 2, kUsage));
  done_or_throw(live_.set_admin(names, state == "d" ? Admin::kDisabled : Admin::kEnabled));
  if (state == "d") return "set";
  for (const link::Destination* one : finder_.published(names)) {
    DestinationState& of = exchange_.destinations.at(one->slot);
    of.probed = state == "a"   ? link::Probed::kUp
                : state == "t" ? link::Probed::kProbing
                               : link::Probed::kDown;
    health_.prober().begin_anew(one->slot);
    if (state == "a") of.change_breaker([](Breaker) { return Breaker(); });
  }
  return "set";
}

// [GROUP] URI; the number of calls that those have.
Json Dispatcher::set_admin(const Json& params, Admin admin) {
  size_t last = params.is_array() && params.size() == 2 ? 1 : 0;
  const std::string& address = text_at(params, last, "[GROUP,] URI");
  uint64_t calls = 0;
  Json shown = Json::array();
  auto names = finder_.find(last == 1 ? params[0] : Json(nullptr), address);
  done_or_throw(live_.set_admin(names, admin));
  for (const link::Destination* one : finder_.published(names)) {
    calls += exchange_.destinations.at(one->slot).calls;
    shown.push_back(to_string(one->name));
  }
  return {{"NAMES", shown}, {"ACTIVE", calls}};
}

// Kamailio: [0 or 1], whether probes are sent.
Json Dispatcher::ping_active(const Json& params) {
  health::Prober& prober = health_.prober();
  Json out = {{"OldPingState", prober.active() ? 1 : 0}};
  if (params.is_null() || params.empty()) return out;
  if (params[0] != 0 && params[0] != 1) throw RpcError{400, "params are [0 or 1]"};
  prober.activate(params[0] == 1, now_us_());
  out["NewPingState"] = params[0];
  return out;
}

Json Dispatcher::ping(const Json& params) {
  uint64_t asked = 0;
  for (const link::Group& group : exchange_.config.read()->groups) {
    bool wanted = params.is_null() || params.empty() || &finder_.group_of(params[0]) == &group;
    for (const link::Destination& one : group.destinations) {
      asked += wanted && health_.prober().probe_now(one.slot, now_us_());
    }
  }
  return {{"ASKED", asked}};
}

Json json_of(const health::Change& change) {
  return {{"number", change.number},
          {"at", change.at},
          {"group", change.group},
          {"uri", change.uri},
          {"from", health::word(change.from)},
          {"to", health::word(change.to)},
          {"calls", change.calls}};
}

// [AFTER]: changes with a higher number, and the number to ask with the next time.
Json Dispatcher::events(const Json& params) const {
  uint64_t after = after_of(params);
  Json events = Json::array();
  for (const health::Change& change : health_.watch().since(after)) {
    events.push_back(json_of(change));
  }
  return {{"newest", health_.watch().newest()}, {"events", events}};
}

void Dispatcher::add_methods(Rpc& rpc) {
  rpc.add("dispatcher.list", "groups and destinations", [this](const Json&) { return list(); });
  rpc.add("dispatcher.set_state", "STATE GROUP URI",
          [this](const Json& p) { return set_state(p); });
  rpc.add("dispatcher.drain", "no new calls: [GROUP] URI",
          [this](const Json& p) { return set_admin(p, Admin::kDraining); });
  rpc.add("dispatcher.disable", "no new calls: [GROUP] URI",
          [this](const Json& p) { return set_admin(p, Admin::kDisabled); });
  rpc.add("dispatcher.enable", "calls again: [GROUP] URI",
          [this](const Json& p) { return set_admin(p, Admin::kEnabled); });
  rpc.add("dispatcher.ping_active", "are probes sent, and shall they: [0 or 1]",
          [this](const Json& p) { return ping_active(p); });
  rpc.add("dispatcher.probe", "probe now: [GROUP]", [this](const Json& p) { return ping(p); });
  rpc.add("dispatcher.events", "changes of state: [AFTER]",
          [this](const Json& p) { return events(p); });
  rpc.add_following("dispatcher.follow", "the same, and each as it comes: [AFTER]",
                    [this](const Json& p) { return events(p); });
}

}  // namespace control::manage
