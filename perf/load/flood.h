// What strangers send beside the calls: as much as a rate says, and nobody waits for an answer.
#pragma once

#include <string>

#include "perf/load/outlet.h"
#include "perf/load/text.h"

namespace load {

class Flood {
 public:
  // kJunk: bytes that are no SIP. kInvite: INVITEs from 32,768 addresses (198.18.128.0/17), as good
  // as any other. kDenied: the same from 198.19.0.0/16. kScanner: with a User-Agent of tools that
  // look for holes. kFragment: first parts of datagrams that never become whole.
  enum class Kind : uint8_t { kNone, kJunk, kInvite, kDenied, kScanner, kFragment };
  static Kind kind_of(const std::string& name);

  Flood(Outlet& outlet, Kind kind, double rate) : outlet_(outlet), kind_(kind), rate_(rate) {}

  // What is due since the last time, but no more than a burst.
  void run(uint64_t now_us);
  uint64_t sent() const { return sent_; }

 private:
  void send_one();

  Outlet& outlet_;
  const Kind kind_;
  const double rate_;
  const Texts texts_;
  double due_ = 0;
  uint64_t last_us_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace load
