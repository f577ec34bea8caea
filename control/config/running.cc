#include "control/config/running.h"

#include <algorithm>

namespace control::config {
namespace {

constexpr uint32_t kMostWeight = 1U << 30;

uint16_t group_index(const Settings& settings, const std::string& name) {
  for (size_t i = 0; i < settings.groups.size(); ++i) {
    if (settings.groups[i].name == name) return static_cast<uint16_t>(i);
  }
  return link::kNoGroup;
}

const link::Group* find_group(const link::RunningConfig* config, const std::string& name) {
  if (config == nullptr) return nullptr;
  for (const link::Group& group : config->groups) {
    if (group.name == name) return &group;
  }
  return nullptr;
}

bool add_destination(const DestinationSettings& one, const resolve::Member& member,
                     link::Group& group, Slots& slots) {
  bool named = !one.name.host.empty();
  auto slot =
      slots.take({group.name, one.uri, one.listen, named ? member.endpoint : sipcore::Endpoint{}},
                 one.enabled);
  if (!slot) return false;
  link::Destination destination;
  destination.uri = one.uri;
  destination.endpoint = member.endpoint;
  destination.weight = std::min(one.weight * member.srv_weight, kMostWeight);
  // What the file says goes before what a name server says.
  destination.priority = one.priority << 16 | (0xffffU - member.srv_priority);
  destination.capacity = one.capacity;
  destination.call_rate = one.call_rate;
  destination.listen = one.listen;
  destination.slot = slot->index;
  destination.hold = slot->hold;
  group.destinations.push_back(std::move(destination));
  return true;
}

// A URI with an address is one destination, one with a name as many as it stands for, of those that
// we have a listen address for and that are not ourselves.
bool add_destinations(const DestinationSettings& one, const Settings& settings, link::Group& group,
                      Slots& slots, const Members& members) {
  if (one.name.host.empty()) {
    return add_destination(one, {0, 1, one.endpoint}, group, slots);
  }
  for (const resolve::Member& member : members(one.name)) {
    auto is_own = [&](const ListenSettings& listen) { return listen.address == member.endpoint; };
    const auto& listens = settings.listens;
    if (std::any_of(listens.begin(), listens.end(), is_own)) continue;
    if (!add_destination(one, member, group, slots)) return false;
  }
  return true;
}

// Destinations are trusted as well: a trunk is one source with many calls.
link::ProtectSettings build_protect(const Settings& settings, const link::RunningConfig& config,
                                    const sipcore::HashKey& key) {
  std::vector<link::Network> trusted = settings.trusted;
  for (const link::Group& group : config.groups) {
    for (const link::Destination& one : group.destinations) {
      trusted.push_back(link::network_of(
          one.endpoint.ip, one.endpoint.ip.family == sipcore::Family::kV4 ? 32 : 128));
    }
  }
  return {settings.source_limits, std::make_shared<const link::Networks>(trusted, key),
          settings.scanners, settings.ban_scanners};
}

}  // namespace

std::unique_ptr<link::RunningConfig> build(const Settings& settings, const link::Keys& keys,
                                           Slots& slots, const link::RunningConfig* before,
                                           const Members& members) {
  auto config = std::make_unique<link::RunningConfig>();
  for (const ListenSettings& listen : settings.listens) {
    uint16_t group = listen.group.empty() ? uint16_t{0} : group_index(settings, listen.group);
    config->listens.push_back({listen.address, listen.port, group});
    config->own.push_back(listen.address);
  }
  for (const GroupSettings& wanted : settings.groups) {
    link::Group group = wanted.policy;
    group.name = wanted.name;
    group.fallback = group_index(settings, wanted.fallback);
    for (const DestinationSettings& one : wanted.destinations) {
      if (!add_destinations(one, settings, group, slots, members)) return nullptr;
    }
    link::prepare(group, keys.token, find_group(before, group.name));
    config->groups.push_back(std::move(group));
  }
  config->protect = build_protect(settings, *config, keys.token);
  config->timers = settings.timers;
  config->keys = keys;
  config->retry_after_s = settings.retry_after_s;
  config->most_held_s = settings.most_held_s;
  config->longest_call_s = settings.longest_call_s;
  return config;
}

}  // namespace control::config
