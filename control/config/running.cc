#include "control/config/running.h"

#include <algorithm>

#include "control/config/destination.h"
#include "control/link/named.h"

namespace control::config {
namespace {

constexpr uint32_t kWeightUnit = 100;
constexpr uint32_t kMostWeight = 1U << 30;

// A member with its place among those of its name: what SRV records say counts within it alone.
struct Place {
  resolve::Member member;
  uint32_t rank = 0;    // of its priority, 0 is the first
  uint32_t weight = 0;  // in kWeightUnit-ths of what the file says
};

// RFC 2782. In a rank the members have on average the weight of the file.
std::vector<Place> places_of(const std::vector<resolve::Member>& members) {
  std::vector<Place> out;
  for (size_t i = 0; i < members.size(); ++i) {
    bool next = i > 0 && members[i].srv_priority != members[i - 1].srv_priority;
    out.push_back({members[i], i == 0 ? 0 : out.back().rank + (next ? 1 : 0), 0});
  }
  for (Place& one : out) {
    uint64_t sum = 0, count = 0;
    for (const Place& other : out) {
      if (other.rank != one.rank) continue;
      sum += other.member.srv_weight;
      ++count;
    }
    one.weight = static_cast<uint32_t>(
        std::max<uint64_t>(1, one.member.srv_weight * count * kWeightUnit / sum));
  }
  return out;
}

bool is_even(const std::vector<Place>& places) {
  return std::all_of(places.begin(), places.end(),
                     [](const Place& one) { return one.weight == kWeightUnit; });
}

struct Builder {
  const Settings& settings;
  const Edits& edits;
  const Members& members;
  Slots& slots;
  std::vector<std::pair<uint16_t, link::Admin>> changed;  // said otherwise by the file than before

  bool add(const DestinationSettings& one, const Place& place, link::Group& group) {
    link::DestinationName name{group.name, one.uri, one.listen, {}};
    if (!one.name.host.empty()) name.address = place.member.endpoint;
    auto slot = slots.take(name, one.enabled, edits.said_of(name));
    if (!slot) return false;
    if (slot->changed) changed.push_back({slot->index, *slot->changed});
    link::Destination destination;
    destination.name = std::move(name);
    destination.endpoint = place.member.endpoint;
    destination.weight = static_cast<uint32_t>(std::min<uint64_t>(
        group.weight_unit == 1 ? one.weight : uint64_t{one.weight} * place.weight, kMostWeight));
    // What the file says goes before what a name server says.
    destination.priority = one.priority << 16 | (0xffffU - std::min(place.rank, 0xffffU));
    destination.capacity = one.capacity;
    destination.call_rate = one.call_rate;
    destination.listen = listen_index(settings, one.listen);
    destination.slot = slot->index;
    destination.hold = slot->hold;
    group.destinations.push_back(std::move(destination));
    return true;
  }

  // Whether we may send there: to nobody of another family than the address to send from, not to
  // ourselves, and not to a balancer before us.
  bool suits(const DestinationSettings& one, const sipcore::Endpoint& endpoint) const {
    if (is_own(settings, endpoint)) return false;
    if (is_balancer(settings, endpoint.ip)) return false;
    return one.listen.ip.none() || one.listen.ip.family == endpoint.ip.family;
  }

  // A URI with an address is one destination, one with a name as many as it stands for.
  bool add_all(const GroupSettings& wanted, link::Group& group) {
    for (const DestinationSettings& one : wanted.destinations) {
      if (!one.name.host.empty() && !is_even(places_of(members(one.name)))) {
        group.weight_unit = kWeightUnit;
      }
    }
    for (const DestinationSettings& one : wanted.destinations) {
      if (one.name.host.empty()) {
        if (!add(one, {{0, 1, one.endpoint}, 0, kWeightUnit}, group)) return false;
        continue;
      }
      for (const Place& place : places_of(members(one.name))) {
        if (suits(one, place.member.endpoint) && !add(one, place, group)) return false;
      }
    }
    return true;
  }
};

// Destinations are trusted as well: a trunk is one source with many calls.
link::ProtectSettings build_protect(const Settings& settings, const link::RunningConfig& config,
                                    const sipcore::HashKey& key) {
  std::vector<link::Network> trusted = settings.trusted;
  for (const link::Group& group : config.groups) {
    for (const link::Destination& one : group.destinations) {
      trusted.push_back(link::network_of(one.endpoint.ip));
    }
  }
  return {settings.source_limits, std::make_shared<const link::Networks>(trusted, key),
          settings.scanners, settings.ban_scanners};
}

}  // namespace

std::vector<link::Rules::Origin> origins_of(const Settings& settings,
                                            const link::RunningConfig& config) {
  std::vector<link::Rules::Origin> out;
  for (size_t i = 0; i < settings.marks.size(); ++i) {
    std::string_view name = settings.marks[i];
    if (!name.starts_with(kFromGroup)) continue;
    const link::Group* group =
        link::find_named(config.groups, std::string(name.substr(kFromGroup.size())));
    std::vector<link::Network> addresses;
    for (const link::Destination& one : group->destinations) {
      addresses.push_back(link::network_of(one.endpoint.ip));
    }
    out.push_back(
        {uint64_t{1} << i, std::make_shared<const link::Networks>(addresses, config.keys.token)});
  }
  return out;
}

std::unique_ptr<link::RunningConfig> build(const Settings& settings, const Edits& edits,
                                           const link::Keys& keys, Slots& slots,
                                           const link::RunningConfig* before,
                                           const Members& members) {
  auto config = std::make_unique<link::RunningConfig>();
  Builder builder{settings, edits, members, slots, {}};
  for (const ListenSettings& listen : settings.listens) {
    uint16_t group = listen.group.empty() ? uint16_t{0} : group_index(settings, listen.group);
    auto balancers = listen.balancers.empty()
                         ? nullptr
                         : std::make_shared<const link::Networks>(listen.balancers, keys.token);
    config->listens.push_back(
        {listen.address, listen.port, group, std::move(balancers), listen.advertised});
  }
  config->list_own();
  for (const GroupSettings& wanted : settings.groups) {
    link::Group group = wanted.policy;
    group.name = wanted.name;
    group.fallback = group_index(settings, wanted.fallback);
    if (group.limit.any() && !slots.take_limit("group " + group.name, group.limit)) return nullptr;
    if (!builder.add_all(wanted, group)) return nullptr;
    const link::Group* old =
        before == nullptr ? nullptr : link::find_named(before->groups, group.name);
    link::prepare(group, keys.token, old);
    config->groups.push_back(std::move(group));
  }
  for (const auto& [slot, admin] : builder.changed) slots.set_admin(slot, admin);
  config->protect = build_protect(settings, *config, keys.token);
  config->timers = settings.timers;
  config->keys = keys;
  config->retry_after_s = settings.retry_after_s;
  config->most_held_s = settings.most_held_s;
  config->longest_call_s = settings.longest_call_s;
  return config;
}

}  // namespace control::config
