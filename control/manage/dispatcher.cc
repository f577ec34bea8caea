#include "control/manage/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/config/attributes.h"
#include "control/config/destination.h"
#include "control/link/named.h"
#include "sipcore/grammar/number.h"

namespace control::manage {

using config::DestinationSettings;
using link::Admin;
using link::DestinationState;
using sipcore::Breaker;

namespace {

const std::string& text_at(const Json& params, size_t index, const char* usage) {
  if (params.is_array() && index < params.size() && params[index].is_string()) {
    return params[index].get_ref<const std::string&>();
  }
  throw RpcError{400, fmt::format("params are {}", usage)};
}

uint32_t number_of(std::string_view key, std::string_view text, uint32_t most) {
  if (auto value = sipcore::parse_number(text, most)) return *value;
  throw RpcError{400, fmt::format("{} is a whole number up to {}", key, most)};
}

// One of "weight=5" and the like; Kamailio's names as well as ours.
void take_attribute(std::string_view key, std::string_view value, std::string_view whole,
                    DestinationSettings& out) {
  if (key == "weight" || key == "rweight") {
    out.weight = number_of(key, value, 1000000);
  } else if (key == "capacity" || key == "maxload") {
    out.capacity = number_of(key, value, 100000000);
  } else if (key == "calls_per_s") {
    out.call_rate.peak.events = number_of(key, value, 10000000);
    out.call_rate.peak.burst = std::max(out.call_rate.peak.events, 1U);
  } else if (key == "calls_burst") {
    out.call_rate.peak.burst = std::max(number_of(key, value, 10000000), 1U);
  } else if (key == "calls_sustained") {
    out.call_rate.sustained.events = number_of(key, value, 100000000);
    out.call_rate.sustained.burst = out.call_rate.sustained.events;
  } else if (key == "calls_window_s") {
    out.call_rate.sustained.seconds = number_of(key, value, 86400);
    if (out.call_rate.sustained.seconds == 0) throw RpcError{400, "calls_window_s is not 0"};
  } else if (key == "priority") {
    out.priority = number_of(key, value, 65535);
  } else {
    config::append_attribute(out.attributes, whole);
  }
}

void take_attributes(std::string_view text, DestinationSettings& out) {
  config::each_attribute(text, [&](auto... parts) { take_attribute(parts..., out); });
}

double ms(uint32_t us) { return static_cast<double>(us) / 1000; }

// On average, of all calls that rang; null: none did.
Json post_dial_ms(const DestinationState& state) {
  uint64_t rang = state.rang;
  if (rang == 0) return nullptr;
  return static_cast<double>(state.post_dial_us) / static_cast<double>(rang) / 1000;
}

}  // namespace

Json Dispatcher::show(const link::Group& group, const link::Destination& one) const {
  const DestinationState& state = exchange_.destinations.at(one.slot);
  health::Condition condition = health::condition_of(state, now_us_() / 1000);
  const DestinationSettings* settings = live_.find({group.name, one.uri});
  bool any = one.listen == link::kAnyListen;
  std::string socket =
      any ? "" : sipcore::to_string(exchange_.config.read()->listens[one.listen].endpoint);
  return {
      {"URI", one.uri},
      {"FLAGS", health::flags(condition, health_.prober().probes(one.slot))},
      {"PRIORITY", one.priority >> 16},  // below it is that of SRV records
      {"ATTRS",
       {{"BODY", settings == nullptr ? "" : settings->attributes},
        {"MAXLOAD", one.capacity},
        {"CALLS_PER_S", one.call_rate.peak.events},
        {"CALLS_SUSTAINED", one.call_rate.sustained.events},
        {"CALLS_WINDOW_S", one.call_rate.sustained.seconds},
        {"WEIGHT", settings == nullptr ? one.weight : settings->weight},
        {"SOCKET", any ? Json(nullptr) : Json(socket)}}},
      {"LATENCY",
       {{"EST", ms(state.latency.lately_us.value())}, {"AVG", ms(state.latency.usual_us.value())}}},
      {"PDD", post_dial_ms(state)},
      {"RUNTIME", {{"DLGLOAD", state.calls.load()}}},
      {"STATE", health::word(condition)},
      {"ACTIVE", state.calls.load()},
      {"CALLS", state.begun.load()},
      {"ANSWERED", state.answered.load()},
      {"FAILED", state.failed.load()},
      {"OPENED", state.opened.load()},
      {"ADDRESS", sipcore::to_string(one.endpoint)},
      {"EDITED", live_.edits().has({group.name, one.uri})}};
}

Json Dispatcher::list() const {
  Json records = Json::array();
  int id = 0;
  for (const link::Group& group : exchange_.config.read()->groups) {
    Json targets = Json::array();
    for (const link::Destination& one : group.destinations) {
      targets.push_back({{"DEST", show(group, one)}});
    }
    records.push_back({{"SET",
                        {{"ID", ++id},
                         {"NAME", group.name},
                         {"ALGORITHM", link::kAlgorithmNames[static_cast<size_t>(group.algorithm)]},
                         {"TARGETS", targets}}}});
  }
  return {{"NRSETS", records.size()}, {"RECORDS", records}};
}

// By name, which may be a number as those of an imported list are, else by the number in the list.
const link::Group& Dispatcher::group_of(const Json& name) const {
  const auto& groups = exchange_.config.read()->groups;
  std::string text = name.is_string() ? name.get<std::string>() : name.dump();
  if (const link::Group* named = link::find_named(groups, text)) return *named;
  int64_t id = name.is_number_integer() ? name.get<int64_t>() : 0;
  if (id >= 1 && id <= static_cast<int64_t>(groups.size())) {
    return groups[static_cast<size_t>(id - 1)];
  }
  throw RpcError{404, "no such group: " + name.dump()};
}

// By its URI, or host and port of it; "all": the whole group. Group null: in all groups.
std::vector<Dispatcher::Found> Dispatcher::find(const Json& group,
                                                const std::string& address) const {
  std::vector<Found> out;
  const link::Group* wanted = group.is_null() ? nullptr : &group_of(group);
  auto endpoint = sipcore::parse_endpoint(address, sipcore::kDefaultPort);
  for (const link::Group& each : exchange_.config.read()->groups) {
    if (wanted != nullptr && wanted != &each) continue;
    for (const link::Destination& one : each.destinations) {
      bool all = address == "all" && wanted != nullptr;
      bool by_uri = all || one.uri == address;
      bool by_address = !by_uri && endpoint && one.endpoint == *endpoint;
      if (by_uri || by_address) out.push_back({&each, &one, by_address});
    }
  }
  if (out.empty()) throw RpcError{404, "no such destination: " + address};
  return out;
}

std::set<config::Edits::Name> Dispatcher::names_of(const std::vector<Found>& all) {
  std::set<config::Edits::Name> out;
  for (const auto& [group, one, alone] : all) {
    out.insert({group->name, alone ? one->identity : one->uri});
  }
  return out;
}

// Kamailio: STATE GROUP ADDRESS, the state being a, i, t or d, with p for probing behind it.
Json Dispatcher::set_state(const Json& params) {
  constexpr const char* kUsage = "STATE (a, i, t or d), GROUP, URI or \"all\"";
  std::string state = text_at(params, 0, kUsage);
  if (state.size() == 2 && state[1] == 'p') state.pop_back();
  if (params.size() != 3 || state.size() != 1 ||
      std::string_view("aitd").find(state) == std::string::npos) {
    throw RpcError{400, fmt::format("params are {}", kUsage)};
  }
  auto all = find(params[1], text_at(params, 2, kUsage));
  done_or_throw(live_.set_admin(names_of(all), state == "d" ? Admin::kDisabled : Admin::kEnabled));
  if (state == "d") return "set";
  for (const Found& found : all) {
    DestinationState& of = exchange_.destinations.at(found.destination->slot);
    of.probed = state == "a"   ? link::Probed::kUp
                : state == "t" ? link::Probed::kProbing
                               : link::Probed::kDown;
    if (state == "a") of.change_breaker([](Breaker) { return Breaker(); });
  }
  return "set";
}

// [GROUP] URI; the number of calls that those have.
Json Dispatcher::set_admin(const Json& params, Admin admin) {
  size_t last = params.is_array() && params.size() == 2 ? 1 : 0;
  const std::string& address = text_at(params, last, "[GROUP,] URI");
  uint64_t calls = 0;
  Json uris = Json::array(), addresses = Json::array();
  auto all = find(last == 1 ? params[0] : Json(nullptr), address);
  done_or_throw(live_.set_admin(names_of(all), admin));
  for (const Found& found : all) {
    calls += exchange_.destinations.at(found.destination->slot).calls;
    uris.push_back(found.destination->uri);
    addresses.push_back(sipcore::to_string(found.destination->endpoint));
  }
  return {{"URIS", uris}, {"ADDRESSES", addresses}, {"ACTIVE", calls}};
}

// Kamailio: GROUP URI [FLAGS [PRIORITY [ATTRS]]].
Json Dispatcher::add(const Json& params) {
  constexpr const char* kUsage = "GROUP, URI, [FLAGS, [PRIORITY, [\"weight=..;maxload=..;..\"]]]";
  DestinationSettings wanted;
  wanted.uri = text_at(params, 1, kUsage);
  const link::Group& group = group_of(params[0]);
  done_or_throw(config::read_destination_uri(wanted), 400);
  if (live_.find({group.name, wanted.uri}) != nullptr) {
    throw RpcError{409, fmt::format("{} is in group {} already", wanted.uri, group.name)};
  }
  if (params.size() > 2 && (!params[2].is_number_integer() || params[2] < 0)) {
    throw RpcError{400, fmt::format("params are {}", kUsage)};
  }
  // Of Kamailio's flags 4 is disabled.
  if (params.size() > 2) wanted.enabled = (params[2].get<int64_t>() & 4) == 0;
  if (params.size() > 3) wanted.priority = number_of("priority", params[3].dump(), 65535);
  if (params.size() > 4) take_attributes(text_at(params, 4, kUsage), wanted);
  done_or_throw(live_.set({group.name, wanted.uri}, wanted));
  return "added";
}

// GROUP URI "weight=..;priority=..;capacity=..": what is not named stays.
Json Dispatcher::change(const Json& params) {
  constexpr const char* kUsage = "GROUP, URI, \"weight=..;priority=..;capacity=..\"";
  const std::string& attributes = text_at(params, 2, kUsage);
  for (const Found& found : find(params[0], text_at(params, 1, kUsage))) {
    config::Edits::Name name{found.group->name, found.destination->uri};
    const DestinationSettings* before = live_.find(name);
    if (before == nullptr) throw RpcError{404, "no such destination"};
    DestinationSettings wanted = *before;
    take_attributes(attributes, wanted);
    done_or_throw(live_.set(name, wanted));
    break;  // the list that was searched is an old one now
  }
  return "changed";
}

Json Dispatcher::remove(const Json& params) {
  const std::string& address = text_at(params, 1, "GROUP, URI");
  Found found = find(params[0], address).front();
  uint32_t calls = exchange_.destinations.at(found.destination->slot).calls;
  done_or_throw(live_.set({found.group->name, found.destination->uri}, std::nullopt));
  return {{"ACTIVE", calls}};
}

Json Dispatcher::ping(const Json& params) {
  uint64_t asked = 0;
  for (const link::Group& group : exchange_.config.read()->groups) {
    bool wanted = params.is_null() || params.empty() || &group_of(params[0]) == &group;
    for (const link::Destination& one : group.destinations) {
      asked += wanted && health_.prober().probe_now(one.slot, now_us_());
    }
  }
  return {{"ASKED", asked}};
}

// [AFTER]: changes with a higher number, and the number to ask with the next time.
Json Dispatcher::events(const Json& params) const {
  uint64_t after = after_of(params);
  Json events = Json::array();
  for (const health::Change& change : health_.watch().since(after)) {
    events.push_back({{"number", change.number},
                      {"at", change.at},
                      {"group", change.group},
                      {"uri", change.uri},
                      {"from", health::word(change.from)},
                      {"to", health::word(change.to)},
                      {"calls", change.calls}});
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
  rpc.add("dispatcher.add", "GROUP URI [FLAGS [PRIORITY [ATTRS]]]",
          [this](const Json& p) { return add(p); });
  rpc.add("dispatcher.change", "GROUP URI ATTRS", [this](const Json& p) { return change(p); });
  rpc.add("dispatcher.remove", "GROUP URI", [this](const Json& p) { return remove(p); });
  rpc.add("dispatcher.ping_active", "probe now: [GROUP]",
          [this](const Json& p) { return ping(p); });
  rpc.add("dispatcher.events", "changes of state: [AFTER]",
          [this](const Json& p) { return events(p); });
  rpc.add("dispatcher.discard_edits", "the file alone counts", [this](const Json&) -> Json {
    done_or_throw(live_.discard_edits());
    return "discarded";
  });
}

}  // namespace control::manage
