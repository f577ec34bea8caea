#include "control/manage/prospects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "control/health/condition.h"
#include "control/link/choice.h"
#include "control/link/listen_for.h"

namespace control::manage {
namespace {

using link::Algorithm;
using link::Obstacle;

std::string phrase(Obstacle obstacle, const link::Destination& one) {
  switch (obstacle) {
    case Obstacle::kNoWeight:
      return "its weight is 0";
    case Obstacle::kTakenOut:
      return "taken out";
    case Obstacle::kDown:
      return "probes say that it is down";
    case Obstacle::kFull:
      return fmt::format("it has its {} calls", one.capacity);
    case Obstacle::kRate:
      return "it had all new calls that its rate allows";
    case Obstacle::kHeld:
      return "it asked to be left alone";
    case Obstacle::kBroken:
      return "it is broken";
    case Obstacle::kNone:
      break;
  }
  return {};
}

// Why one that could be asked is not.
std::string_view otherwise(const link::Group& group) {
  Algorithm algorithm = group.algorithm;
  bool bounded = group.bounded_load_percent > 0;
  if (algorithm == Algorithm::kHash && bounded)
    return "the hash says another one, or it has its fair share";
  if (algorithm == Algorithm::kHash) return "the hash says another one";
  if (algorithm == Algorithm::kLeastCalls) return "others have fewer calls";
  if (algorithm == Algorithm::kLeastWork) return "others have less to do";
  if (algorithm == Algorithm::kLowestLatency) return "others answer sooner";
  return "others come first";
}

// How careful the search is, as that of the workers.
enum class Care : uint8_t { kFull, kNoBound, kBrokenToo };

class Search {
 public:
  Search(const Wanted& wanted, link::Exchange& exchange)
      : wanted_(wanted),
        config_(*exchange.config.read()),
        hops_(exchange.hops.read()),
        states_(exchange.destinations),
        call_(wanted.subject.message.method() == sipcore::Method::kInvite) {}

  Prospects run() {
    std::vector<uint16_t> groups = chain();
    for (Care care : {Care::kFull, Care::kBrokenToo}) {
      out_.destinations = Json::array();
      for (uint16_t at : groups) {
        const link::Group& group = config_.groups[at];
        bool found = show(group, care);
        if (!found && care == Care::kFull) found = show(group, Care::kNoBound);
        out_.destinations.insert(out_.destinations.end(), shown_.begin(), shown_.end());
        if (!found) continue;
        out_.group = &group;
        return std::move(out_);
      }
    }
    return std::move(out_);
  }

 private:
  // The group and those behind it.
  std::vector<uint16_t> chain() const {
    std::vector<uint16_t> out;
    for (uint16_t at = wanted_.group; at < config_.groups.size();
         at = config_.groups[at].fallback) {
      if (out.size() == link::kMostFallbacks) break;
      out.push_back(at);
    }
    return out;
  }

  link::DestinationState& state_of(const link::Destination& one) const {
    return states_.at(one.slot);
  }

  // Empty: it can be asked.
  std::string fault_of(const link::Group& group, const link::Destination& one, Care care) const {
    if (call_ && link::is_used_up(group.limit, states_, true, wanted_.now_us)) {
      return "its group has all calls that it may have";
    }
    auto obstacle = link::obstacle_of(one, state_of(one), call_, wanted_.now_us);
    if (obstacle == Obstacle::kBroken && care == Care::kBrokenToo) obstacle = Obstacle::kNone;
    if (obstacle != Obstacle::kNone) return phrase(obstacle, one);
    if (was_asked(one)) return "it was asked before";
    bool reached = std::any_of(config_.own.begin(), config_.own.end(), [&](const auto& own) {
      return own.ip.family == one.endpoint.ip.family;
    });
    return reached ? "" : "there is no [[listen]] of its address family";
  }

  // In parts of one; all 0: none of this tier can be asked.
  std::vector<double> chances(const link::Group& group, const link::Tier& tier, Care care) const {
    auto of = [&](size_t i) -> const link::Destination& {
      return group.destinations[tier.first + i];
    };
    auto bound = care == Care::kFull ? link::bound_of(group, tier, states_) : link::LoadBound{};
    std::vector<double> out(tier.count, 0.0);
    auto usable = [&](size_t i) {
      return fault_of(group, of(i), care).empty() && !bound.passes_over(of(i), state_of(of(i)));
    };
    auto load = [&](size_t i) {
      return link::load_of(group, of(i), state_of(of(i)), wanted_.now_us / 1000);
    };
    if (group.algorithm == Algorithm::kHash) {
      uint16_t place = tier.table->select(hash_for(group), usable);
      if (place < out.size()) out[place] = 1;
      return out;
    }
    bool by_cost = group.algorithm == Algorithm::kLeastCalls ||
                   group.algorithm == Algorithm::kLeastWork ||
                   group.algorithm == Algorithm::kLowestLatency;
    uint64_t lowest = sipcore::kNever;
    for (size_t i = 0; by_cost && i < out.size(); ++i) {
      if (usable(i)) lowest = std::min(lowest, link::cost_of(group.algorithm, load(i)));
    }
    for (size_t i = 0; i < out.size(); ++i) {
      bool asked = usable(i) && (!by_cost || link::cost_of(group.algorithm, load(i)) <= lowest);
      if (asked) out[i] = weight_of(group, of(i), load(i));
    }
    double sum = std::accumulate(out.begin(), out.end(), 0.0);
    if (group.algorithm == Algorithm::kParallel) sum = 0;
    for (double& one : out) one = sum > 0 ? one / sum : one > 0 ? 1.0 : 0.0;
    return out;
  }

  static double weight_of(const link::Group& group, const link::Destination& one,
                          const sipcore::Load& load) {
    bool congestion = group.algorithm == Algorithm::kCongestion;
    return static_cast<double>(congestion ? sipcore::weight_by_congestion(load) : one.weight);
  }

  // By the destinations of one of them all have failed before.
  bool was_asked(const link::Destination& one) const {
    if (wanted_.asked == nullptr) return false;
    return std::any_of(wanted_.asked->destinations.begin(), wanted_.asked->destinations.end(),
                       [&](const auto& other) {
                         return other.endpoint == one.endpoint && way_to(other) == way_to(one);
                       });
  }

  // The address of ours that it is sent to from.
  uint16_t way_to(const link::Destination& one) const {
    auto came_to = std::find(config_.own.begin(), config_.own.end(), wanted_.subject.listen);
    auto preferred = static_cast<uint16_t>(came_to - config_.own.begin());
    return link::listen_to(config_, hops_, one, preferred);
  }

  // What takes from its chance, whatever the algorithm.
  std::string note_of(const link::Group& group, const link::Destination& one) const {
    sipcore::Breaker breaker(state_of(one).breaker.load(std::memory_order_acquire));
    using Phase = sipcore::Breaker::Phase;
    bool trial = breaker.phase() == Phase::kOpen || breaker.phase() == Phase::kTrial;
    if (trial) return "it is broken: one call is its trial";
    uint32_t share = breaker.share(wanted_.now_us / 1000, group.slow_start_ms);
    return share < 256 ? fmt::format("it starts slowly: {} % of that", share * 100 / 256) : "";
  }

  uint64_t hash_for(const link::Group& group) const {
    if (wanted_.hash != 0) return wanted_.hash;
    return sipcore::hash_of(group.hash_of, group.hash_header, wanted_.subject.message,
                            wanted_.subject.essentials, config_.keys.token);
  }

  // True: somebody here is asked. The first tier that has one takes all, but to be asked at once.
  bool show(const link::Group& group, Care care) {
    shown_ = Json::array();
    bool found = false;
    for (const link::Tier& tier : group.tiers) {
      bool waits = found && group.algorithm != Algorithm::kParallel;
      auto parts = chances(group, tier, care);
      for (size_t i = 0; i < tier.count; ++i) {
        const link::Destination& one = group.destinations[tier.first + i];
        Json shown = shown_of(group, one);
        std::string fault = fault_of(group, one, care);
        if (!waits && parts[i] > 0) {
          shown["chance"] = std::round(parts[i] * 1000) / 10;
          if (auto note = note_of(group, one); !note.empty()) shown["note"] = note;
          found = true;
        } else if (fault.empty()) {
          shown["not_asked"] = waits ? "others have priority" : otherwise(group);
        } else {
          shown["not_asked"] = fault;
        }
        shown_.push_back(std::move(shown));
      }
    }
    return found;
  }

  Json shown_of(const link::Group& group, const link::Destination& one) const {
    auto condition = health::condition_of(state_of(one), wanted_.now_us / 1000);
    return {
        {"group", group.name}, {"uri", to_string(one.name)}, {"state", health::word(condition)}};
  }

  const Wanted& wanted_;
  const link::RunningConfig& config_;
  const link::NextHops* hops_;
  link::Destinations& states_;
  const bool call_;
  Prospects out_;
  Json shown_;  // of the group that was looked at last
};

}  // namespace

Prospects prospects(const Wanted& wanted, link::Exchange& exchange) {
  return Search(wanted, exchange).run();
}

}  // namespace control::manage
