// A circuit breaker of one destination: after some failures in a row it is open and nobody is sent
// there; then one request at a time is let through as a trial, and the first answer closes it. One
// that opens again soon stays open twice as long as the time before.
//
//            failures in a row              time is up, one request is taken as trial
//   closed ------------------------> open ------------------------------------------> trial
//     ^  ^                            ^                                               |   |
//     |  `--- time is up ---- held    `--------------- it failed, or got lost --------'   |
//     `------------------------------------ it was answered -----------------------------'
//
// Held is a destination that said itself for how long it wants no more (Retry-After, RFC 3261
// 20.33). It is a value of 64 bits, so that threads which share one change it by compare and swap.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sipcore {

struct BreakerSettings {
  uint32_t failures = 5;          // in a row; 0: it never opens
  uint32_t open_ms = 2000;        // the first time
  uint32_t most_open_ms = 60000;  // and after closed for so long it is the first time again
};

class Breaker {
 public:
  enum class Phase : uint8_t { kClosed, kOpen, kTrial, kHeld };

  Breaker() = default;
  explicit Breaker(uint64_t word)
      : phase_(static_cast<Phase>(word & 3)),
        openings_(static_cast<uint8_t>(word >> 2 & 0x3f)),
        failures_(static_cast<uint16_t>(word >> 8 & 0x3ff)),
        at_ms_(word >> 18) {}
  uint64_t word() const {
    return static_cast<uint64_t>(phase_) | uint64_t{openings_} << 2 | uint64_t{failures_} << 8 |
           at_ms_ << 18;
  }

  Phase phase() const { return phase_; }
  // Closed: since when, 0: always. Else: until when.
  uint64_t at_ms() const { return at_ms_; }
  uint16_t failures() const { return failures_; }

  bool may_be_asked(uint64_t now_ms) const { return phase_ == Phase::kClosed || now_ms >= at_ms_; }
  // The breaker after one that may be asked was asked.
  Breaker asked(uint64_t now_ms, const BreakerSettings& settings) const;
  Breaker failed(uint64_t now_ms, const BreakerSettings& settings) const;
  Breaker answered(uint64_t now_ms) const;
  Breaker held(uint64_t now_ms, uint64_t for_ms) const;
  static Breaker closed(uint64_t now_ms);

  // How much of its share a destination gets that was closed again, in 256ths: it grows for
  // `slow_start_ms` from a tenth on.
  uint32_t share(uint64_t now_ms, uint32_t slow_start_ms) const {
    if (phase_ != Phase::kClosed || at_ms_ == 0 || now_ms >= at_ms_ + slow_start_ms) return 256;
    uint64_t since = now_ms - std::min(now_ms, at_ms_);
    return static_cast<uint32_t>(std::max<uint64_t>(26, since * 256 / slow_start_ms));
  }

 private:
  Breaker opened(uint64_t now_ms, const BreakerSettings& settings) const;

  static constexpr uint16_t kMostFailures = 0x3ff;

  Phase phase_ = Phase::kClosed;
  uint8_t openings_ = 0;  // without a calm time between them
  uint16_t failures_ = 0;
  uint64_t at_ms_ = 0;
};

}  // namespace sipcore
