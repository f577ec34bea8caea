#include "control/manage/edit_methods.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/config/attributes.h"
#include "control/config/destination.h"
#include "sipcore/grammar/number.h"

namespace control::manage {

using config::DestinationSettings;
using link::DestinationName;

namespace {

uint32_t number_of(std::string_view key, std::string_view text, uint32_t most) {
  if (auto value = sipcore::parse_number(text, most)) return *value;
  throw RpcError{400, fmt::format("{} is a whole number up to {}", key, most)};
}

// One of "weight=5" and the like; Kamailio's names as well as ours. False: it is no such.
bool take_attribute(std::string_view key, std::string_view value, DestinationSettings& out) {
  if (key == "weight" || key == "rweight") {
    out.weight = number_of(key, value, 1000000);
  } else if (key == "capacity" || key == "maxload") {
    out.capacity = number_of(key, value, 100000000);
  } else if (key == "calls_per_s") {
    out.call_rate.peak.events = number_of(key, value, 10000000);
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
  } else if (key == "listen" || key == "socket") {
    std::string_view address = value.starts_with("udp:") ? value.substr(4) : value;
    auto listen = sipcore::parse_endpoint(address, sipcore::kDefaultPort);
    if (!listen) throw RpcError{400, fmt::format("{} is the address of a [[listen]]", key)};
    out.listen = *listen;
  } else {
    return false;
  }
  return true;
}

// `other` gets what is no such. In whatever order they come: a rate that is said without a burst
// has the usual one, where it had that before.
template <class Other>
void take_attributes(std::string_view text, DestinationSettings& out, Other other) {
  sipcore::Rate before = out.call_rate.peak;
  bool burst_said = false;
  config::each_attribute(text, [&](auto key, auto value, auto whole) {
    burst_said |= key == "calls_burst";
    if (!take_attribute(key, value, out)) other(key, value, whole);
  });
  sipcore::Rate& peak = out.call_rate.peak;
  bool usual = before.burst == std::max(before.events, 1U);
  if (usual && !burst_said) peak.burst = std::max(peak.events, 1U);
}

// Entries to edit; an address of a host name alone is none.
void refuse_addresses(const std::set<DestinationName>& names) {
  for (const DestinationName& name : names) {
    if (name.address.ip.none()) continue;
    throw RpcError{400, fmt::format("{} is one address of {}: that is changed and removed as a "
                                    "whole; drain and disable work for one address",
                                    sipcore::to_string(name.address), name.uri)};
  }
}

}  // namespace

// Kamailio: GROUP URI [FLAGS [PRIORITY [ATTRS]]].
Json EditMethods::add(const Json& params) {
  constexpr const char* kUsage = "GROUP, URI, [FLAGS, [PRIORITY, [\"weight=..;maxload=..;..\"]]]";
  DestinationSettings wanted;
  wanted.uri = text_at(params, 1, kUsage);
  const link::Group& group = finder_.group_of(params[0]);
  done_or_throw(config::read_destination_uri(wanted), 400);
  if (params.size() > 2 && (!params[2].is_number_integer() || params[2] < 0)) {
    throw RpcError{400, fmt::format("params are {}", kUsage)};
  }
  // Of Kamailio's flags 1 is inactive, 4 disabled.
  if (params.size() > 2) wanted.enabled = (params[2].get<int64_t>() & 5) == 0;
  if (params.size() > 3) wanted.priority = number_of("priority", params[3].dump(), 65535);
  if (params.size() > 4) {
    take_attributes(text_at(params, 4, kUsage), wanted, [&](auto, auto, auto whole) {
      config::append_attribute(wanted.attributes, whole);
    });
  }
  DestinationName name{group.name, wanted.uri, wanted.listen, {}};
  if (live_.find(name) != nullptr) {
    throw RpcError{409, fmt::format("{} is in group {} already", to_string(name), group.name)};
  }
  done_or_throw(live_.set(name, wanted));
  // Where the file has it, that says whether it is enabled, until the operator says otherwise.
  const DestinationSettings* taken = live_.find(name);
  if (taken != nullptr && taken->enabled != wanted.enabled) {
    done_or_throw(live_.set_admin({name}, config::by_file(wanted.enabled)));
  }
  return "added";
}

// GROUP URI "weight=..;priority=..;capacity=..": what is not named stays.
Json EditMethods::change(const Json& params) {
  constexpr const char* kUsage = "GROUP, URI, \"weight=..;priority=..;capacity=..\"";
  const std::string& attributes = text_at(params, 2, kUsage);
  auto names = finder_.find(params[0], text_at(params, 1, kUsage));
  refuse_addresses(names);
  for (const DestinationName& name : names) {
    const DestinationSettings* before = live_.find(name);
    if (before == nullptr) throw RpcError{404, "no such destination"};
    DestinationSettings wanted = *before;
    take_attributes(attributes, wanted, [&](auto key, auto value, auto) {
      if (key == "attributes") {
        wanted.attributes = value;
      } else {
        throw RpcError{400, fmt::format("{} cannot be changed; weight, priority, capacity, "
                                        "calls_per_s, calls_burst, calls_sustained, "
                                        "calls_window_s and attributes can",
                                        key)};
      }
    });
    if (wanted.listen != name.listen) {
      throw RpcError{400, "with another listen it would be another destination: add that one"};
    }
    done_or_throw(live_.set(name, wanted));
  }
  return "changed";
}

Json EditMethods::remove(const Json& params) {
  auto names = finder_.find(params[0], text_at(params, 1, "GROUP, URI"));
  refuse_addresses(names);
  uint64_t calls = 0;
  for (const auto* one : finder_.published(names))
    calls += exchange_.destinations.at(one->slot).calls;
  for (const DestinationName& name : names) done_or_throw(live_.set(name, std::nullopt));
  return {{"ACTIVE", calls}};
}

// What is other than in the file.
Json EditMethods::edits() const {
  Json out = Json::array();
  auto add = [&](const DestinationName& name, std::string_view what) {
    out.push_back({{"group", name.group}, {"name", to_string(name)}, {"what", what}});
  };
  for (const auto& [name, edit] : live_.edits().destinations()) add(name, config::word(edit.what));
  for (const auto& [name, admin] : live_.edits().admin()) add(name, config::word(admin));
  return {{"edits", out}};
}

// [GROUP, URI or name]: of that one alone.
Json EditMethods::discard(const Json& params) {
  bool all = params.is_null() || params.empty();
  std::set<DestinationName> known, names;
  for (const auto& [name, edit] : live_.edits().destinations()) known.insert(name);
  for (const auto& [name, admin] : live_.edits().admin()) known.insert(name);
  std::string address = all ? "" : text_at(params, 1, "[GROUP, URI]");
  // A group that is gone has edits that wait for it.
  std::string group = all                     ? ""
                      : params[0].is_string() ? params[0].get<std::string>()
                                              : params[0].dump();
  auto listed_so = [&](const DestinationName& name) {
    return name.group == group && to_string(name.entry()) == address;
  };
  bool exact = std::any_of(known.begin(), known.end(), listed_so);
  for (const DestinationName& name : known) {
    bool by_uri = !exact && name.group == group && name.uri == address;
    bool alone = name.group == group && to_string(name) == address;
    if (all || listed_so(name) || by_uri || alone) names.insert(name);
  }
  if (!all && names.empty()) throw RpcError{404, "nothing was said of " + address};
  done_or_throw(live_.discard_edits(names));
  return "discarded";
}

void EditMethods::add_methods(Rpc& rpc) {
  rpc.add("dispatcher.add", "GROUP URI [FLAGS [PRIORITY [ATTRS]]]",
          [this](const Json& p) { return add(p); });
  rpc.add("dispatcher.change", "GROUP URI ATTRS", [this](const Json& p) { return change(p); });
  rpc.add("dispatcher.remove", "GROUP URI", [this](const Json& p) { return remove(p); });
  rpc.add("dispatcher.edits", "what is other than in the file",
          [this](const Json&) { return edits(); });
  rpc.add("dispatcher.discard_edits", "the file alone counts: [GROUP URI]",
          [this](const Json& p) { return discard(p); });
}

}  // namespace control::manage
