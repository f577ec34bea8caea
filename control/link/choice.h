// What choosing a destination looks at, said once: for the workers who choose, and for control, who
// is asked why.
#pragma once

#include "control/link/running_config.h"
#include "sipcore/balance/breaker.h"
#include "sipcore/balance/load.h"

namespace control::link {

inline constexpr size_t kMostFallbacks = 8;  // groups in a row

// Why a destination is not asked; the first of these that is so.
enum class Obstacle : uint8_t {
  kNone,
  kNoWeight,
  kTakenOut,  // draining or disabled
  kDown,      // as probes say
  kFull,      // it has as many calls as its capacity
  kRate,      // it had as many new calls as its rate allows
  kHeld,      // it asked to be left alone for a time
  kBroken,    // its breaker is open: it is asked where nobody else is left
};

// `call`: for the INVITE of a new call. `now_us` is of the workers' clock.
inline Obstacle obstacle_of(const Destination& one, DestinationState& state, bool call,
                            uint64_t now_us) {
  constexpr auto kAcquire = std::memory_order_acquire;
  if (one.weight == 0) return Obstacle::kNoWeight;
  if (state.admin.load(kAcquire) != Admin::kEnabled) return Obstacle::kTakenOut;
  if (state.probed.load(kAcquire) == Probed::kDown) return Obstacle::kDown;
  uint32_t calls = state.calls.load(kAcquire);
  if (call && one.capacity != 0 && calls >= one.capacity) return Obstacle::kFull;
  if (call && !one.call_rate.has_room(state.call_rate, now_us * 1000)) return Obstacle::kRate;
  sipcore::Breaker breaker(state.breaker.load(kAcquire));
  if (breaker.may_be_asked(now_us / 1000)) return Obstacle::kNone;
  bool held = breaker.phase() == sipcore::Breaker::Phase::kHeld;
  return held ? Obstacle::kHeld : Obstacle::kBroken;
}

// What a destination can do is said by its capacity where all of them have one, else by its weight:
// no number of calls compares with none. Congestion leaves everybody a few calls, which show how he
// is; lowest latency does not.
inline sipcore::Load load_of(const Group& group, const Destination& destination,
                             const DestinationState& state, uint64_t now_ms) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  bool fades = group.algorithm == Algorithm::kLowestLatency;
  return {destination.weight,
          group.weight_unit,
          group.all_have_capacity ? destination.capacity : 0,
          state.calls.load(kRelaxed),
          state.work.load(kRelaxed),
          fades ? state.latency_us(now_ms) : state.latency.lately_us.value(),
          state.latency.usual_us.value()};
}

// Of kLeastCalls, kLeastWork and kLowestLatency: the one that costs least is chosen.
inline uint64_t cost_of(Algorithm algorithm, const sipcore::Load& load) {
  if (algorithm == Algorithm::kLeastWork) return cost_of_work(load);
  if (algorithm == Algorithm::kLowestLatency) return cost_of_waiting(load);
  return cost_of_calls(load);
}

// Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, 2017): one that has more
// than its fair share of the calls of its tier that are up is passed over.
struct LoadBound {
  uint64_t calls = 0;  // of the tier, times the percents; 0: no bound
  uint64_t weights = 0;

  bool passes_over(const Destination& one, const DestinationState& state) const {
    uint64_t own = state.calls.load(std::memory_order_relaxed);
    return calls != 0 && own * weights * 100 >= calls * one.weight;
  }
};

inline LoadBound bound_of(const Group& group, const Tier& tier, const Destinations& states) {
  if (group.bounded_load_percent == 0 || group.algorithm != Algorithm::kHash) return {};
  LoadBound out;
  uint64_t calls = 1;
  for (size_t i = tier.first; i < size_t{tier.first} + tier.count; ++i) {
    const Destination& one = group.destinations[i];
    const DestinationState& state = states.at(one.slot);
    if (state.admin != Admin::kEnabled || state.probed == Probed::kDown) continue;
    calls += state.calls.load(std::memory_order_relaxed);
    out.weights += one.weight;
  }
  out.calls = calls * group.bounded_load_percent;
  return out;
}

// Whether a limit would refuse now. `call`: what asks is a call, so that capacity counts.
inline bool is_used_up(const CallLimit& limit, Destinations& states, bool call, uint64_t now_us) {
  if (!limit.any() || limit.slot == kNoDestination) return false;
  DestinationState& state = states.at(limit.slot);
  bool full = call && limit.capacity != 0 && state.calls >= limit.capacity;
  return full || !limit.call_rate.has_room(state.call_rate, now_us * 1000);
}

}  // namespace control::link
