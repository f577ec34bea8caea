// Which destination a request goes to: the algorithm of its group, over those that may be asked.
#include <algorithm>

#include "control/link/listen_for.h"
#include "dataplane/paths/proxy.h"
#include "sipcore/hash/mix.h"

namespace dataplane {

using control::link::Algorithm;
using control::link::Destination;
using control::link::DestinationState;
using control::link::Group;
using control::link::kMostFallbacks;
using control::link::Obstacle;
using control::link::Tier;
using sipcore::Breaker;
using sipcore::Endpoint;
using sipcore::kNobody;

namespace {

constexpr size_t kMostRaces = 8;  // places that others took in the moment we chose them

// Tells destinations of a request from each other; where two are taken for one, one is not asked.
uint32_t destination_hash(const Endpoint& endpoint, uint16_t listen, const sipcore::HashKey& key) {
  sipcore::SipHash hash(key);
  hash.add({reinterpret_cast<const char*>(endpoint.ip.bytes.data()), endpoint.ip.size()});
  hash.add_word(endpoint.port, 2);
  hash.add_word(listen, 2);
  return static_cast<uint32_t>(hash.finish());
}

}  // namespace

// The address of ours that it is sent to from.
uint16_t Proxy::listen_to(const Wish& wish, const Destination& one) const {
  return control::link::listen_to(*config_, transmit_.hops(), one, wish.listen);
}

bool Proxy::was_asked(const Wish& wish, const Destination& one) const {
  if (wish.server == kNoSlot) return false;
  const auto& tried = transactions_.server(wish.server).tried;
  auto end = tried.begin() + transactions_.server(wish.server).tries;
  uint32_t hash = destination_hash(one.endpoint, listen_to(wish, one), key());
  return std::find(tried.begin(), end, hash) != end;
}

void Proxy::note_asked(ServerTransaction& server, const Target& target) const {
  server.tried[server.tries++] = destination_hash(target.endpoint, target.listen, key());
}

bool Proxy::listens_on(sipcore::Family family) const {
  for (const control::link::Listen& listen : config_->listens) {
    if (listen.endpoint.ip.family == family) return true;
  }
  return false;
}

// Whether a request may go there. Without care a breaker that is open does not matter: when all
// are, nobody loses by asking.
bool Proxy::may_ask(const Wish& wish, const Destination& destination) const {
  DestinationState& state = destinations_.at(destination.slot);
  Obstacle obstacle = obstacle_of(destination, state, wish.call, now_us_);
  bool last_resort = obstacle == Obstacle::kBroken && wish.care == Care::kNone;
  if (obstacle != Obstacle::kNone && !last_resort) return false;
  if (wish.care == Care::kFull) {
    // While it starts slowly, a part of the requests passes it by: a part of its own.
    Breaker breaker(state.breaker.load(std::memory_order_acquire));
    uint32_t share = breaker.share(now_ms_, wish.group->slow_start_ms);
    if (share < 256 && (wish.random >> 8 ^ uint64_t{destination.slot} * 0x9d) % 256 >= share)
      return false;
    if (wish.bound.passes_over(destination, state)) return false;
  }
  if (!listens_on(destination.endpoint.ip.family)) return false;
  return !was_asked(wish, destination);
}

// Whether a request like this one would find somebody who was not asked for it.
bool Proxy::others_are_left(uint32_t server) const {
  const ServerTransaction& asked = transactions_.server(server);
  uint16_t now = group_of(asked), first = find_group(asked.first_group_id, asked.group);
  return others_are_left(server, now) || (first != now && others_are_left(server, first));
}

// In that group, or those behind it.
bool Proxy::others_are_left(uint32_t server_slot, uint16_t group) const {
  const ServerTransaction& server = transactions_.server(server_slot);
  Wish wish;
  wish.server = server_slot;
  wish.listen = server.listen;
  wish.call = server.kind == Kind::kInvite;
  wish.care = Care::kNoStart;
  for (size_t hops = 0; group < config_->groups.size() && hops < kMostFallbacks; ++hops) {
    wish.group = &config_->groups[group];
    wish.group_index = group;
    group = wish.group->fallback;
    const control::link::CallLimit& limit = wish.group->limit;
    bool full = wish.call && control::link::is_used_up(limit, destinations_, true, now_us_);
    if (full && server.places.group() != limit.slot) continue;
    for (const Destination& one : wish.group->destinations) {
      if (may_ask(wish, one)) return true;
    }
  }
  return false;
}

// Requests that somebody has failed have turns of their own: whoever fails would else use up those
// of the others, and get more than his share.
uint32_t& Proxy::turn_of(const Wish& wish) {
  auto& turns = wish.server == kNoSlot ? round_robin_ : round_robin_again_;
  return turns[wish.group_index % turns.size()];
}

// Of one tier; an index in the group's list.
uint16_t Proxy::select(const Wish& wish, const Tier& tier) {
  const Group& group = *wish.group;
  auto of = [&](size_t i) -> const Destination& { return group.destinations[tier.first + i]; };
  auto usable = [&](size_t i) { return may_ask(wish, of(i)); };
  auto load = [&](size_t i) {
    return load_of(group, of(i), destinations_.at(of(i).slot), now_ms_);
  };
  uint16_t index = kNobody;
  switch (group.algorithm) {
    case Algorithm::kHash:
      index = tier.table->select(wish.hash, usable);
      break;
    case Algorithm::kRoundRobin:
      index = tier.sequence->select(turn_of(wish), usable);
      break;
    case Algorithm::kRandom:
    case Algorithm::kParallel:
      index = sipcore::pick_by_weight(wish.random, tier.count, [&](size_t i) {
        return usable(i) ? uint64_t{of(i).weight} : 0;
      });
      break;
    case Algorithm::kCongestion:
      index = sipcore::pick_by_weight(wish.random, tier.count, [&](size_t i) {
        return usable(i) ? sipcore::weight_by_congestion(load(i)) : 0;
      });
      break;
    case Algorithm::kLeastCalls:
    case Algorithm::kLeastWork:
    case Algorithm::kLowestLatency:
      index = sipcore::pick_least(
          wish.random, tier.count,
          [&](size_t i) { return usable(i) ? cost_of(group.algorithm, load(i)) : sipcore::kNever; },
          [&](size_t i) { return of(i).weight; });
      break;
  }
  return index == kNobody ? kNobody : static_cast<uint16_t>(tier.first + index);
}

// Takes the place in the destination that was chosen; false: another worker took the last one, or
// is just making the trial that its breaker allows.
bool Proxy::take_place(const Wish& wish, const Destination& destination) {
  DestinationState& state = destinations_.at(destination.slot);
  if (wish.call && !state.take_call(destination.capacity)) return false;
  if (wish.call && !destination.call_rate.take(state.call_rate, now_us_ * 1000)) {
    state.give_call_back();
    return false;
  }
  if (wish.care == Care::kNone) return true;
  Breaker before = state.change_breaker([&](Breaker breaker) {
    return breaker.may_be_asked(now_ms_) ? breaker.asked(now_ms_, wish.group->breaker) : breaker;
  });
  if (before.may_be_asked(now_ms_)) return true;
  if (wish.call) {
    state.give_call_back();
    destination.call_rate.give_back(state.call_rate);
  }
  return false;
}

std::optional<Proxy::Target> Proxy::choose_in(Wish& wish) {
  const Group& group = *wish.group;
  for (const Tier& tier : group.tiers) {
    wish.bound = bound_of(group, tier, destinations_);
    for (size_t races = 0; races < kMostRaces; ++races) {
      uint16_t index = select(wish, tier);
      if (index == kNobody) break;
      const Destination& chosen = group.destinations[index];
      if (!take_place(wish, chosen)) continue;
      return Target{chosen.endpoint,  listen_to(wish, chosen),
                    wish.group_index, chosen.slot,
                    wish.call,        index};
    }
  }
  return std::nullopt;
}

// In one group, with a place of its own where it has a limit. A call that has one in another group
// gives that back.
std::optional<Proxy::Target> Proxy::choose_within(Wish& wish, bool broken, Ruled& ruled) {
  Places& places = ruled.places;
  const control::link::CallLimit& limit = wish.group->limit;
  bool takes = wish.call && limit.slot != Places::kNone && places.group() != limit.slot;
  if (takes && !take_limit(limit, true)) {
    ruled.group_full = true;
    return std::nullopt;
  }
  for (Care care : {Care::kFull, Care::kNoStart, Care::kNone}) {
    if ((care == Care::kNone) != broken) continue;
    wish.care = care;
    auto target = choose_in(wish);
    if (!target) continue;
    if (wish.call && places.group() != limit.slot) {
      if (places.group() != Places::kNone) destinations_.at(places.group()).give_call_back();
      places.group() = limit.slot;
    }
    return target;
  }
  if (takes) give_limit_back(limit);
  return std::nullopt;
}

// In the group, or where it has nobody left in the one behind it. `server` knows who was asked for
// this request; the place that is taken is the caller's to give back, give_place_back(), that of
// the group is in `ruled`.
std::optional<Proxy::Target> Proxy::choose(const Parsed& request, uint16_t group, uint16_t listen,
                                           uint32_t server, FallBack fall_back, Ruled& ruled) {
  const auto& groups = config_->groups;
  const auto& id = server == kNoSlot ? in_->key : transactions_.server(server).key;
  uint64_t tries = server == kNoSlot ? 0 : transactions_.server(server).tries;
  Wish wish;
  wish.server = server;
  wish.listen = listen;
  wish.call = request.message.method() == sipcore::Method::kInvite;
  // The key of a request is a keyed hash: random for everybody but us.
  wish.random = sipcore::mix(id.low, tries + 1);
  // Those that are broken come last of all, behind the groups behind this one.
  for (bool broken : {false, true}) {
    if (broken && fall_back == FallBack::kNo) break;
    uint16_t at = group;
    for (size_t hops = 0; at < groups.size() && hops < kMostFallbacks; ++hops) {
      wish.group = &groups[at];
      wish.group_index = at;
      if (wish.group->algorithm == Algorithm::kHash) {
        wish.hash = ruled.hash != 0 ? ruled.hash
                                    : sipcore::hash_of(wish.group->hash_of, wish.group->hash_header,
                                                       request.message, request.essentials, key());
      }
      if (auto target = choose_within(wish, broken, ruled)) return target;
      if (fall_back == FallBack::kNo) break;
      at = groups[at].fallback;
    }
  }
  return std::nullopt;
}

}  // namespace dataplane
