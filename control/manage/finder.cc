#include "control/manage/finder.h"

#include <fmt/format.h>

#include "control/link/named.h"
#include "sipcore/grammar/number.h"

namespace control::manage {

const std::string& text_at(const Json& params, size_t index, const char* usage) {
  if (params.is_array() && index < params.size() && params[index].is_string()) {
    return params[index].get_ref<const std::string&>();
  }
  throw RpcError{400, fmt::format("params are {}", usage)};
}

// Groups of an imported list are named by their number.
int64_t Finder::id_of(const link::Group& group, size_t place) {
  auto number = sipcore::parse_number(group.name, INT32_MAX);
  return number ? int64_t{*number} : static_cast<int64_t>(place + 1);
}

const link::Group& Finder::group_of(const Json& name) const {
  const auto& groups = exchange_.config.read()->groups;
  std::string text = name.is_string() ? name.get<std::string>() : name.dump();
  if (const link::Group* named = link::find_named(groups, text)) return *named;
  for (size_t i = 0; i < groups.size() && name.is_number_integer(); ++i) {
    if (id_of(groups[i], i) == name.get<int64_t>()) return groups[i];
  }
  throw RpcError{404, "no such group: " + name.dump()};
}

std::set<Finder::Name> Finder::entries(const Json& group, const std::string& address) const {
  std::set<Name> out;
  const link::Group* wanted = group.is_null() ? nullptr : &group_of(group);
  for (const config::GroupSettings& each : live_.settings().groups) {
    if (wanted != nullptr && wanted->name != each.name) continue;
    for (const config::DestinationSettings& one : each.destinations) {
      Name name{each.name, one.uri, one.listen, {}};
      bool all = address == "all" && wanted != nullptr;
      if (all || one.uri == address || to_string(name) == address) out.insert(std::move(name));
    }
  }
  return out;
}

std::set<Finder::Name> Finder::find(const Json& group, const std::string& address) const {
  std::set<Name> out = entries(group, address);
  const link::Group* wanted = group.is_null() ? nullptr : &group_of(group);
  auto endpoint = sipcore::parse_endpoint(address, sipcore::kDefaultPort);
  for (const link::Group& each : exchange_.config.read()->groups) {
    if (wanted != nullptr && wanted != &each) continue;
    for (const link::Destination& one : each.destinations) {
      bool meant = one.identity == address || (endpoint && one.endpoint == *endpoint);
      if (meant && !out.contains(one.name.entry())) out.insert(one.name);
    }
  }
  if (out.empty()) throw RpcError{404, "no such destination: " + address};
  return out;
}

std::vector<const link::Destination*> Finder::published(const std::set<Name>& names) const {
  std::vector<const link::Destination*> out;
  for (const link::Group& each : exchange_.config.read()->groups) {
    for (const link::Destination& one : each.destinations) {
      bool meant = names.contains(one.name) || names.contains(one.name.entry());
      if (meant) out.push_back(&one);
    }
  }
  return out;
}

}  // namespace control::manage
