#include <algorithm>

#include "control/link/running_config.h"

namespace control::link {
namespace {

bool same_destinations(const Tier& tier, const Group& group, const Tier& other,
                       const Group& before) {
  if (tier.count != other.count) return false;
  for (uint16_t i = 0; i < tier.count; ++i) {
    const Destination& a = group.destinations[tier.first + i];
    const Destination& b = before.destinations[other.first + i];
    if (a.name != b.name || a.weight != b.weight) return false;
  }
  return true;
}

bool take_tables(Tier& tier, const Group& group, const Group* before) {
  if (before == nullptr || before->algorithm != group.algorithm) return false;
  for (const Tier& other : before->tiers) {
    if (!same_destinations(tier, group, other, *before)) continue;
    tier.table = other.table;
    tier.sequence = other.sequence;
    return true;
  }
  return false;
}

void build_tables(Tier& tier, const Group& group, const sipcore::HashKey& key) {
  std::vector<sipcore::WeightedName> names;
  std::vector<uint32_t> weights;
  for (uint16_t i = 0; i < tier.count; ++i) {
    const Destination& one = group.destinations[tier.first + i];
    names.push_back({to_string(one.name), one.weight});
    weights.push_back(one.weight);
  }
  if (group.algorithm == Algorithm::kHash) {
    tier.table = std::make_shared<const sipcore::RendezvousTable>(names, key);
  } else if (group.algorithm == Algorithm::kRoundRobin) {
    tier.sequence = std::make_shared<const sipcore::RoundRobin>(weights);
  }
}

}  // namespace

void prepare(Group& group, const sipcore::HashKey& key, const Group* before) {
  group.id = group_id(group.name);
  auto& all = group.destinations;
  std::stable_sort(all.begin(), all.end(), [](const Destination& a, const Destination& b) {
    return a.priority > b.priority;
  });
  group.all_have_capacity =
      std::all_of(all.begin(), all.end(), [](const Destination& one) { return one.capacity != 0; });
  group.tiers.clear();
  for (size_t i = 0; i < all.size(); ++i) {
    if (i == 0 || all[i].priority != all[i - 1].priority) {
      group.tiers.push_back({static_cast<uint16_t>(i), 0, nullptr, nullptr});
    }
    ++group.tiers.back().count;
  }
  for (Tier& tier : group.tiers) {
    if (!take_tables(tier, group, before)) build_tables(tier, group, key);
  }
}

}  // namespace control::link
