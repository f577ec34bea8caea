#include "sipcore/balance/breaker.h"

namespace sipcore {

namespace {
constexpr uint8_t kMostOpenings = 16;
}

Breaker Breaker::closed(uint64_t now_ms) {
  Breaker next;
  next.at_ms_ = now_ms;
  return next;
}

// A trial that gets lost without a failure being told leaves room for the next one when its time,
// as long as that of being open, is up.
Breaker Breaker::asked(uint64_t now_ms, const BreakerSettings& settings) const {
  if (phase_ == Phase::kClosed) return *this;
  if (phase_ == Phase::kHeld) {
    Breaker next = closed(now_ms);
    next.openings_ = openings_;
    return next;
  }
  Breaker next = *this;
  next.phase_ = Phase::kTrial;
  next.at_ms_ = now_ms + settings.open_ms;
  return next;
}

Breaker Breaker::opened(uint64_t now_ms, const BreakerSettings& settings) const {
  bool calm = phase_ == Phase::kClosed && now_ms >= at_ms_ + settings.most_open_ms;
  Breaker next;
  next.phase_ = Phase::kOpen;
  next.failures_ = failures_;
  next.openings_ = calm ? uint8_t{1} : std::min<uint8_t>(openings_ + 1, kMostOpenings);
  uint64_t longer = uint64_t{settings.open_ms} << (next.openings_ - 1);
  next.at_ms_ = now_ms + std::min<uint64_t>(longer, settings.most_open_ms);
  return next;
}

// While it is open, failures are of requests sent before.
Breaker Breaker::failed(uint64_t now_ms, const BreakerSettings& settings) const {
  if (settings.failures == 0 || phase_ == Phase::kOpen || phase_ == Phase::kHeld) return *this;
  Breaker next = *this;
  next.failures_ = std::min<uint16_t>(failures_ + 1, kMostFailures);
  if (phase_ == Phase::kTrial || next.failures_ >= settings.failures) {
    return next.opened(now_ms, settings);
  }
  return next;
}

// An answer while it is open comes late, to a request sent before.
Breaker Breaker::answered(uint64_t now_ms) const {
  Breaker next = *this;
  if (phase_ == Phase::kTrial) {
    next = closed(now_ms);
    next.openings_ = openings_;
  }
  if (phase_ == Phase::kClosed) next.failures_ = 0;
  return next;
}

Breaker Breaker::held(uint64_t now_ms, uint64_t for_ms) const {
  Breaker next = *this;
  next.phase_ = Phase::kHeld;
  next.failures_ = 0;
  next.at_ms_ = std::max(now_ms + for_ms, phase_ == Phase::kHeld ? at_ms_ : 0);
  return next;
}

}  // namespace sipcore
