#include "control/health/prober.h"

#include <algorithm>
#include <utility>

namespace control::health {

using link::DestinationState;
using sipcore::Breaker;

namespace {

constexpr uint32_t kFirstRepeatMs = 500;     // RFC 3261 17.1.2.1: T1
constexpr uint32_t kLongestRepeatMs = 4000;  // T2
constexpr uint32_t kMostFlaps = 5;
constexpr uint32_t kUndecidedMs = 1000;  // between probes of one that is neither up nor down

uint64_t us(uint64_t ms) { return ms * 1000; }

}  // namespace

void Prober::configure(std::vector<Target> targets, uint64_t now_us) {
  std::map<uint16_t, Probed> before;
  before.swap(probed_);
  for (Target& target : targets) {
    Probed one;
    auto known = before.find(target.slot);
    bool same = known != before.end() && known->second.target.endpoint == target.endpoint;
    if (same) one = known->second;
    // Not all of them in the same moment.
    if (!same) one.next_us = now_us + random_() % us(target.settings.interval_ms);
    one.next_us = std::min(one.next_us, now_us + us(target.settings.interval_ms));
    one.target = std::move(target);
    probed_[one.target.slot] = std::move(one);
  }
  for (const auto& [slot, gone] : before) {
    if (!probed_.contains(slot)) states_.at(slot).probed = link::Probed::kUp;
  }
}

// Ten percent more or less.
uint64_t Prober::varied_us(uint32_t ms) {
  uint64_t tenth = us(ms) / 10;
  return us(ms) - tenth + random_() % (2 * tenth + 1);
}

void Prober::tick(uint64_t now_us) {
  for (auto& [slot, one] : probed_) {
    bool under_way = one.repeat_us != 0;
    if (under_way && now_us >= one.sent_us + us(one.target.settings.timeout_ms)) {
      timed_out(one, now_us);
    } else if (under_way && now_us >= one.repeat_us) {
      repeat(one, now_us);
    } else if (!under_way && active_ && now_us >= one.next_us) {
      begin(one, now_us);
    }
  }
}

// Whoever answers calls is alive, even if he has no answer to OPTIONS.
void Prober::timed_out(Probed& one, uint64_t now_us) {
  bool heard = us(states_.at(one.target.slot).heard_ms) >= one.sent_us;
  if (heard) {
    finish(one, now_us);
  } else {
    failed(one, now_us);
  }
}

void Prober::begin(Probed& one, uint64_t now_us) {
  ++one.sequence;
  one.sent_us = now_us;
  one.interval_ms = kFirstRepeatMs;
  one.repeat_us = now_us;
  repeat(one, now_us);
}

void Prober::repeat(Probed& one, uint64_t now_us) {
  one.repeat_us = now_us + us(one.interval_ms);
  one.interval_ms = std::min(one.interval_ms * 2, kLongestRepeatMs);
  send_(one.target, {sipcore::kProbeWorker, one.target.slot, one.sequence, one.sent_us});
}

Prober::Probed* Prober::find(const sipcore::BranchToken& token) {
  auto found = probed_.find(static_cast<uint16_t>(token.slot));
  if (found == probed_.end() || found->second.repeat_us == 0) return nullptr;
  return found->second.sequence == token.generation ? &found->second : nullptr;
}

bool Prober::probe_now(uint16_t slot, uint64_t now_us) {
  auto found = probed_.find(slot);
  if (found == probed_.end()) return false;
  if (found->second.repeat_us == 0) begin(found->second, now_us);
  return true;
}

// Not all of them in the same moment.
void Prober::activate(bool active, uint64_t now_us) {
  for (auto& [slot, one] : probed_) {
    if (active && !active_) one.next_us = now_us + random_() % us(one.target.settings.interval_ms);
  }
  active_ = active;
}

void Prober::begin_anew(uint16_t slot) {
  auto found = probed_.find(slot);
  if (found != probed_.end()) found->second.successes = found->second.failures = 0;
}

void Prober::answered(const sipcore::BranchToken& token, int status, uint32_t retry_after_s,
                      uint64_t now_us) {
  Probed* one = find(token);
  if (one == nullptr || status < 200) return;
  DestinationState& state = states_.at(one->target.slot);
  // Two clocks that are read one after the other.
  state.measure(static_cast<uint32_t>(now_us - std::min(token.loop, now_us)), now_us / 1000);
  const link::ProbeSettings& settings = one->target.settings;
  if (status == 503) {  // busy, not dead
    uint64_t hold_ms = retry_after_s > 0 ? us(retry_after_s) : one->target.hold_ms;
    state.change_breaker([&](Breaker breaker) { return breaker.held(now_us / 1000, hold_ms); });
    one->held_until_ms = retry_after_s == 0 ? now_us / 1000 + hold_ms : 0;
    succeeded(*one, now_us);
  } else if (status < 300 || settings.codes.test(static_cast<size_t>(status))) {
    // Until the next answer, unless a call was asked to wait for longer since.
    uint64_t until_ms = std::exchange(one->held_until_ms, 0);
    state.change_breaker([&](Breaker breaker) {
      bool ours = breaker.phase() == Breaker::Phase::kHeld && breaker.at_ms() == until_ms;
      return ours ? Breaker::closed(now_us / 1000) : breaker;
    });
    succeeded(*one, now_us);
  } else {
    failed(*one, now_us);
  }
}

void Prober::unreachable(const sipcore::BranchToken& token, uint64_t now_us) {
  if (Probed* one = find(token)) failed(*one, now_us);
}

void Prober::finish(Probed& one, uint64_t now_us) {
  one.repeat_us = 0;
  bool decided = states_.at(one.target.slot).probed != link::Probed::kProbing;
  uint32_t interval = one.target.settings.interval_ms;
  one.next_us = now_us + varied_us(decided ? interval : std::min(interval, kUndecidedMs));
}

void Prober::failed(Probed& one, uint64_t now_us) {
  DestinationState& state = states_.at(one.target.slot);
  one.successes = 0;
  ++one.failures;
  if (state.probed != link::Probed::kDown) {
    bool down = one.failures >= one.target.settings.down;
    state.probed = down ? link::Probed::kDown : link::Probed::kProbing;
    // How long it takes to come back is no calm.
    bool soon = one.back_us != 0 && now_us < one.back_us + us(one.target.settings.calm_ms);
    if (down) one.flaps = soon ? std::min(one.flaps + 1, kMostFlaps) : 0;
  }
  finish(one, now_us);
}

void Prober::succeeded(Probed& one, uint64_t now_us) {
  DestinationState& state = states_.at(one.target.slot);
  one.failures = 0;
  ++one.successes;
  if (state.probed == link::Probed::kProbing) state.probed = link::Probed::kUp;
  if (state.probed == link::Probed::kDown && one.successes >= one.target.settings.up << one.flaps) {
    // It starts slowly, unless it asked for more time just now.
    state.change_breaker([&](Breaker breaker) {
      bool held = breaker.phase() == Breaker::Phase::kHeld;
      return held ? breaker : Breaker::closed(now_us / 1000);
    });
    state.probed = link::Probed::kUp;
    one.back_us = now_us;
  }
  finish(one, now_us);
}

}  // namespace control::health
