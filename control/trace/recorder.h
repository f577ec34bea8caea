// What workers were asked to copy, kept for those who look, and sent on to a collector. Control
// thread only.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "control/link/descriptor.h"
#include "control/link/exchange.h"

namespace control::trace {

struct Message {
  uint64_t number = 0;   // from 1
  uint64_t date_us = 0;  // since 1970
  sipcore::Endpoint from, to;
  uint32_t size = 0;  // of the whole message
  std::string text;   // as much of it as is kept
};

class Recorder {
 public:
  static constexpr size_t kMost = 5000;     // messages, of up to 4 KiB
  static constexpr size_t kMostCalls = 64;  // that a user is followed into

  explicit Recorder(link::Exchange& exchange) : exchange_(exchange) {}

  // Where messages go as HEPv3; nullopt: nowhere. A sentence; empty: done.
  std::string send_to(const std::optional<sipcore::Endpoint>& collector, uint32_t node);

  // Begins anew, for so long at most.
  void start(link::TraceFilter filter, uint64_t until_us);
  void stop();
  // `date_us`: now, since 1970.
  void tick(uint64_t now_us, uint64_t date_us);

  bool active() const { return until_us_ != 0; }
  uint64_t newest() const { return next_ - 1; }
  // Those that no worker or nobody here had room for, since the start.
  uint64_t lost() const;
  const std::deque<Message>& messages() const { return messages_; }

 private:
  void keep(const link::Traced& traced, uint64_t date_us);
  void follow(std::string_view text);

  link::Exchange& exchange_;
  std::deque<Message> messages_;
  uint64_t next_ = 1;
  uint64_t until_us_ = 0;
  link::TraceFilter filter_;  // that is published
  uint64_t dropped_ = 0;
  link::Descriptor socket_;
  std::optional<sipcore::Endpoint> collector_;
  uint32_t node_ = 0;
};

}  // namespace control::trace
