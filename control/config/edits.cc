#include "control/config/edits.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "control/config/destination.h"
#include "control/link/named.h"

namespace control::config {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::string_view kAdminWords[] = {"enabled", "draining", "disabled"};
constexpr std::string_view kWhatWords[] = {"added", "changed", "removed"};

// The value whose word this is.
template <class Value>
Value value_of(std::span<const std::string_view> words, const std::string& text) {
  auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) throw std::runtime_error("\"" + text + "\" is no word for it");
  return static_cast<Value>(found - words.begin());
}

Json json_of(const Edits::Name& name) {
  Json out = {{"group", name.group}, {"uri", name.uri}};
  if (!name.listen.ip.none()) out["listen"] = sipcore::to_string(name.listen);
  if (!name.address.ip.none()) out["address"] = sipcore::to_string(name.address);
  return out;
}

sipcore::Endpoint endpoint_of(const Json& json, const char* key) {
  if (!json.contains(key)) return {};
  std::string text = json.at(key);
  auto endpoint = sipcore::parse_endpoint(text, sipcore::kDefaultPort);
  if (!endpoint) throw std::runtime_error("\"" + text + "\" is no address");
  return *endpoint;
}

Edits::Name name_of(const Json& json) {
  return {json.at("group"), json.at("uri"), endpoint_of(json, "listen"),
          endpoint_of(json, "address")};
}

Json json_of(const Edits::Name& name, const Edits::Edit& edit) {
  Json out = json_of(name);
  out["what"] = word(edit.what);
  if (edit.what == Edits::What::kRemoved) return out;
  const DestinationSettings& destination = edit.destination;
  out["weight"] = destination.weight;
  out["priority"] = destination.priority;
  out["capacity"] = destination.capacity;
  const auto& [peak, sustained] = destination.call_rate;
  out["calls_per_s"] = peak.events;
  out["calls_burst"] = peak.burst;
  out["calls_sustained"] = sustained.events;
  out["calls_window_s"] = sustained.seconds;
  out["attributes"] = destination.attributes;
  out["enabled"] = destination.enabled;
  return out;
}

DestinationSettings destination_of(const Json& json) {
  DestinationSettings out;
  out.uri = json.at("uri");
  out.listen = endpoint_of(json, "listen");
  std::string fault = read_destination_uri(out);
  if (!fault.empty()) throw std::runtime_error(fault);
  out.weight = json.at("weight");
  out.priority = json.at("priority");
  out.capacity = json.at("capacity");
  uint32_t sustained = json.value("calls_sustained", 0U);
  out.call_rate.peak = {json.at("calls_per_s"), json.at("calls_burst")};
  out.call_rate.sustained = {sustained, sustained, json.value("calls_window_s", 60U)};
  out.attributes = json.at("attributes");
  out.enabled = json.at("enabled");
  return out;
}

Edits::Edit edit_of(const Json& json) {
  auto what = value_of<Edits::What>(kWhatWords, json.at("what"));
  return {what, what == Edits::What::kRemoved ? DestinationSettings{} : destination_of(json)};
}

size_t count_of(const Settings& settings) {
  size_t count = 0;
  for (const GroupSettings& group : settings.groups) count += group.destinations.size();
  return count;
}

}  // namespace

std::string_view word(link::Admin admin) { return kAdminWords[static_cast<size_t>(admin)]; }
std::string_view word(Edits::What what) { return kWhatWords[static_cast<size_t>(what)]; }

std::vector<Edits::Name> Edits::forget_gone(const Settings& file) {
  std::set<Name> said;
  for (const auto& [name, edit] : destinations_) said.insert(name);
  for (const auto& [name, admin] : admin_) said.insert(name.entry());
  std::vector<Name> out;
  for (const Name& name : said) {
    const GroupSettings* group = link::find_named(file.groups, name.group);
    if (group == nullptr) continue;  // it waits for its group
    auto edit = destinations_.find(name);
    bool added = edit != destinations_.end() && edit->second.what == What::kAdded;
    bool gone = find_entry(group->destinations, name) == group->destinations.end();
    if (gone && !added) out.push_back(name);
  }
  for (const Name& name : out) forget(name);
  return out;
}

Settings Edits::over(const Settings& file, std::vector<Misfit>& misfits) const {
  Settings out = file;
  std::vector<const Destinations::value_type*> added;
  for (const auto& one : destinations_) {
    const auto& [name, edit] = one;
    GroupSettings* group = link::find_named(out.groups, name.group);
    if (group == nullptr) {
      misfits.push_back({name, "there is no such group"});
      continue;
    }
    auto& all = group->destinations;
    auto known = find_entry(all, name);
    if (known == all.end()) {
      if (edit.what == What::kAdded) added.push_back(&one);
    } else if (edit.what == What::kRemoved) {
      all.erase(known);
    } else {
      bool enabled = known->enabled;  // that is no edit, but what the operator says
      *known = edit.destination;
      known->enabled = enabled;
    }
  }
  // What is removed makes room for what is added.
  for (const auto* one : added) {
    const auto& [name, edit] = *one;
    GroupSettings* group = link::find_named(out.groups, name.group);
    std::string fault = misfit(edit.destination, *group, out);
    if (fault.empty()) fault = wrong_listen(edit.destination, out);
    if (fault.empty() && count_of(out) >= out.destinations) {
      fault = "there are as many destinations as destinations in [limits] allows";
    }
    if (fault.empty()) {
      group->destinations.push_back(edit.destination);
    } else {
      misfits.push_back({name, fault});
    }
  }
  return out;
}

std::string Edits::text() const {
  Json out = {{"destinations", Json::array()}, {"admin", Json::array()}};
  for (const auto& [name, edit] : destinations_) {
    out["destinations"].push_back(json_of(name, edit));
  }
  for (const auto& [name, admin] : admin_) {
    out["admin"].push_back(json_of(name));
    out["admin"].back()["state"] = word(admin);
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::variant<Edits, std::string> Edits::parse(const std::string& text) {
  Edits out;
  try {
    Json json = Json::parse(text);
    for (const Json& one : json.at("destinations")) {
      out.destinations_[name_of(one).entry()] = edit_of(one);
    }
    for (const Json& one : json.at("admin")) {
      out.admin_[name_of(one)] = value_of<link::Admin>(kAdminWords, one.at("state"));
    }
  } catch (const std::exception& fault) {
    return std::string(fault.what());
  }
  return out;
}

}  // namespace control::config
