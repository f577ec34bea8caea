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

std::vector<int64_t> Finder::ids() const {
  const auto& groups = exchange_.config.read()->groups;
  constexpr int64_t kNone = -1;
  std::vector<int64_t> out;
  std::set<int64_t> taken;
  for (const link::Group& group : groups) {
    auto number = sipcore::parse_number(group.name, UINT32_MAX);
    out.push_back(number ? int64_t{*number} : kNone);
    taken.insert(out.back());
  }
  int64_t next = 1;
  for (int64_t& id : out) {
    if (id != kNone) continue;
    while (taken.contains(next)) ++next;
    id = next++;
  }
  return out;
}

const link::Group& Finder::group_of(const Json& name) const {
  const auto& groups = exchange_.config.read()->groups;
  std::string text = name.is_string() ? name.get<std::string>() : name.dump();
  if (const link::Group* named = link::find_named(groups, text)) return *named;
  std::vector<int64_t> numbers = name.is_number_integer() ? ids() : std::vector<int64_t>();
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == name.get<int64_t>()) return groups[i];
  }
  throw RpcError{404, "no such group: " + name.dump()};
}

std::set<Finder::Name> Finder::entries(const Json& group, const std::string& address) const {
  std::set<Name> out;
  const link::Group* wanted = group.is_null() ? nullptr : &group_of(group);
  for (const config::GroupSettings& each : live_.settings().groups) {
    if (wanted != nullptr && wanted->name != each.name) continue;
    std::set<Name> exact, by_uri;
    for (const config::DestinationSettings& one : each.destinations) {
      Name name{each.name, one.uri, one.listen, {}};
      bool all = address == "all" && wanted != nullptr;
      if (to_string(name) == address) exact.insert(name);
      if (all || one.uri == address) by_uri.insert(std::move(name));
    }
    out.merge(exact.empty() ? by_uri : exact);
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
      bool meant = to_string(one.name) == address || (endpoint && one.endpoint == *endpoint);
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
