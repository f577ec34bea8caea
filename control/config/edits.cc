#include "control/config/edits.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/config/destination.h"
#include "control/link/named.h"

namespace control::config {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::string_view kAdminWords[] = {"enabled", "draining", "disabled"};

Json json_of(const Edits::Name& name, const std::optional<DestinationSettings>& destination) {
  Json out = {{"group", name.first}, {"uri", name.second}};
  if (!destination) {
    out["removed"] = true;
    return out;
  }
  out["weight"] = destination->weight;
  out["priority"] = destination->priority;
  out["capacity"] = destination->capacity;
  const auto& [peak, sustained] = destination->call_rate;
  out["calls_per_s"] = peak.events;
  out["calls_burst"] = peak.burst;
  out["calls_sustained"] = sustained.events;
  out["calls_window_s"] = sustained.seconds;
  out["attributes"] = destination->attributes;
  out["enabled"] = destination->enabled;
  return out;
}

std::optional<DestinationSettings> destination_of(const Json& json) {
  if (json.value("removed", false)) return std::nullopt;
  DestinationSettings out;
  out.uri = json.at("uri");
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

size_t count_of(const Settings& settings) {
  size_t count = 0;
  for (const GroupSettings& group : settings.groups) count += group.destinations.size();
  return count;
}

link::Admin admin_of(const std::string& text) {
  auto found = std::find(std::begin(kAdminWords), std::end(kAdminWords), text);
  if (found == std::end(kAdminWords)) throw std::runtime_error("\"" + text + "\" is no state");
  return static_cast<link::Admin>(found - std::begin(kAdminWords));
}

}  // namespace

std::string_view word(link::Admin admin) { return kAdminWords[static_cast<size_t>(admin)]; }

Settings Edits::over(const Settings& file, std::vector<std::string>& misfits) const {
  Settings out = file;
  std::vector<const Entry*> added;
  for (const Entry& edit : destinations_) {
    GroupSettings* group = link::find_named(out.groups, edit.first.first);
    if (group == nullptr) {
      misfits.push_back(edit.first.second + " in " + edit.first.first + ": there is no such group");
      continue;
    }
    auto& all = group->destinations;
    auto known = std::find_if(all.begin(), all.end(), [&](const DestinationSettings& one) {
      return one.uri == edit.first.second;
    });
    if (known == all.end()) {
      if (edit.second) added.push_back(&edit);
    } else if (!edit.second) {
      all.erase(known);
    } else {
      uint16_t listen = known->listen;
      *known = *edit.second;
      known->listen = listen;
    }
  }
  // What is removed makes room for what is added.
  for (const Entry* edit : added) {
    GroupSettings* group = link::find_named(out.groups, edit->first.first);
    std::string fault = misfit(*edit->second, *group, out);
    if (fault.empty() && count_of(out) >= out.destinations) {
      fault = "there are as many destinations as destinations in [limits] allows";
    }
    if (fault.empty()) {
      group->destinations.push_back(*edit->second);
    } else {
      misfits.push_back(edit->first.second + " in " + edit->first.first + ": " + fault);
    }
  }
  return out;
}

std::string Edits::text() const {
  Json out = {{"destinations", Json::array()}, {"admin", Json::array()}};
  for (const auto& [name, wanted] : destinations_) {
    out["destinations"].push_back(json_of(name, wanted));
  }
  for (const auto& [name, admin] : admin_) {
    out["admin"].push_back({{"group", name.first}, {"uri", name.second}, {"state", word(admin)}});
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::variant<Edits, std::string> Edits::parse(const std::string& text) {
  Edits out;
  try {
    Json json = Json::parse(text);
    for (const Json& one : json.at("destinations")) {
      out.destinations_[{one.at("group"), one.at("uri")}] = destination_of(one);
    }
    for (const Json& one : json.at("admin")) {
      out.admin_[{one.at("group"), one.at("uri")}] = admin_of(one.at("state"));
    }
  } catch (const std::exception& fault) {
    return std::string(fault.what());
  }
  return out;
}

}  // namespace control::config
