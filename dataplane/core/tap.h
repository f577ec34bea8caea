// Copies messages that control wants to see. Nobody wants any most of the time: then it costs one
// look at a pointer.
#pragma once

#include <array>

#include "control/link/exchange.h"

namespace dataplane {

class Tap {
 public:
  Tap(size_t worker, control::link::Exchange& exchange)
      : exchange_(exchange),
        traced_(*exchange.traced[worker]),
        traffic_(*exchange.traffic[worker]) {}

  // Once a turn.
  void begin_turn(uint64_t now_us) {
    filter_ = exchange_.trace.read();
    now_us_ = now_us;
  }
  bool active() const { return filter_ != nullptr; }
  // Only while active(). What finds no room is counted.
  void note(const sipcore::Endpoint& from, const sipcore::Endpoint& to, std::string_view message);

 private:
  control::link::Exchange& exchange_;
  control::link::Mailbox<control::link::Traced>& traced_;
  control::link::Traffic& traffic_;
  bool wants(std::string_view message);

  const control::link::TraceFilter* filter_ = nullptr;
  // Calls in which the user of this trace was seen here, by hashes of their Call-IDs: control, and
  // by it other workers, hear of them a little later.
  std::array<uint64_t, 64> calls_{};
  size_t count_ = 0;
  uint64_t trace_ = 0;  // number of the trace that they belong to
  uint64_t now_us_ = 0;
};

// Whether the filter itself says so.
bool is_wanted(const control::link::TraceFilter& filter, std::string_view message);

}  // namespace dataplane
