#include "control/config/running.h"

namespace control::config {
namespace {

link::Group build_group(const GroupSettings& settings, const sipcore::HashKey& key,
                        Totals& totals) {
  link::Group group;
  group.name = settings.name;
  group.id = link::group_id(settings.name);
  group.algorithm = settings.algorithm;
  group.failover_after_ms = settings.failover_after_ms;
  group.tries = settings.tries;
  std::vector<sipcore::WeightedName> names;
  std::vector<uint32_t> weights;
  for (const DestinationSettings& one : settings.destinations) {
    group.destinations.push_back(
        {one.uri, one.endpoint, one.weight, one.enabled, totals.of(settings.name, one.uri)});
    names.push_back({one.uri, one.weight});
    weights.push_back(one.weight);
  }
  if (settings.algorithm == link::Algorithm::kCallIdHash) {
    group.table.emplace(names, key);
  } else {
    group.sequence.emplace(weights);
  }
  return group;
}

}  // namespace

std::shared_ptr<link::DestinationTotals> Totals::of(const std::string& group,
                                                    const std::string& uri) {
  auto& known = known_[{group, uri}];
  auto totals = known.lock();
  if (!totals) known = totals = std::make_shared<link::DestinationTotals>();
  return totals;
}

std::unique_ptr<link::RunningConfig> build(const Settings& settings, const link::Keys& keys,
                                           Totals& totals) {
  auto config = std::make_unique<link::RunningConfig>();
  for (const ListenSettings& listen : settings.listens) {
    config->listens.push_back({listen.address, listen.port});
    config->own.push_back(listen.address);
  }
  for (const GroupSettings& group : settings.groups) {
    config->groups.push_back(build_group(group, keys.token, totals));
  }
  config->timers = settings.timers;
  config->keys = keys;
  config->retry_after_s = settings.retry_after_s;
  return config;
}

}  // namespace control::config
