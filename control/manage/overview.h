// core.overview: all that the page shows, in one answer, with the last two minutes.
#pragma once

#include <ctime>
#include <deque>

#include "control/config/live.h"
#include "control/manage/rpc.h"

namespace control::manage {

// Control thread.
class Overview {
 public:
  static constexpr size_t kKept = 120;  // seconds

  Overview(const config::Live& live, const link::Exchange& exchange)
      : live_(live), exchange_(exchange) {}

  // After the methods that it puts together: dispatcher.list, dispatcher.events and rules.list.
  void add_method(Rpc& rpc, std::time_t since);
  // Once a second.
  void tick(uint64_t now_us);

 private:
  // All since the start.
  struct Totals {
    uint64_t at_us = 0, calls = 0, packets = 0, refused = 0;
    std::vector<uint64_t> busy_us;  // by worker
  };
  // In one second.
  struct Second {
    double calls = 0, packets = 0, refused = 0, busy_percent = 0;  // of the busiest worker
  };
  Totals totals(uint64_t now_us) const;
  Json history() const;

  const config::Live& live_;
  const link::Exchange& exchange_;
  Totals before_;
  std::deque<Second> seconds_;
};

}  // namespace control::manage
