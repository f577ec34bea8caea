#include "control/config/running.h"

namespace control::config {
namespace {

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

bool add_destination(const DestinationSettings& one, link::Group& group, Slots& slots) {
  auto slot = slots.take({group.name, one.uri, one.listen}, one.enabled);
  if (!slot) return false;
  link::Destination destination;
  destination.uri = one.uri;
  destination.endpoint = one.endpoint;
  destination.weight = one.weight;
  destination.priority = one.priority;
  destination.capacity = one.capacity;
  destination.listen = one.listen;
  destination.slot = slot->index;
  destination.hold = slot->hold;
  group.destinations.push_back(std::move(destination));
  return true;
}

}  // namespace

std::unique_ptr<link::RunningConfig> build(const Settings& settings, const link::Keys& keys,
                                           Slots& slots, const link::RunningConfig* before) {
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
      if (!add_destination(one, group, slots)) return nullptr;
    }
    link::prepare(group, keys.token, find_group(before, group.name));
    config->groups.push_back(std::move(group));
  }
  config->timers = settings.timers;
  config->keys = keys;
  config->retry_after_s = settings.retry_after_s;
  config->most_held_s = settings.most_held_s;
  config->longest_call_s = settings.longest_call_s;
  return config;
}

}  // namespace control::config
