// Caller and callee of many calls at a time, open loop: calls begin when their time has come,
// however the others fare.
//
//   caller: INVITE ........ 200 ACK (hold) BYE ... 200      callee: INVITE 180 200 ACK ... BYE 200
//
// The caller repeats INVITE and BYE as RFC 3261 17.1 says (T1 500 ms); the callee answers what is
// repeated and repeats nothing by itself. A call that has not come to its end in `patience_ms` is
// lost.
#pragma once

#include <memory>

#include "control/link/huge_vector.h"
#include "control/link/timer_wheel.h"
#include "perf/load/histogram.h"
#include "perf/load/outlet.h"
#include "perf/load/text.h"
#include "sipcore/grammar/message.h"

namespace load {

// kMessage is a request of its own that goes on to the callee, kOptions one that the server
// answers. kMixed: of ten, seven calls, two MESSAGEs and one OPTIONS.
enum class Kind : uint8_t { kCall, kOptions, kMessage, kMixed, kDialogOptions, kStale };

struct Result {
  uint64_t begun = 0;  // calls, or single requests
  uint64_t completed = 0;
  uint64_t lost = 0;       // without an end
  uint64_t failed = 0;     // with another final response than 2xx
  uint64_t busy = 0;       // failed with 503: refused for overload
  uint64_t in_time = 0;    // completed while new ones were begun, whenever they began
  uint64_t repeated = 0;   // sent again by the caller
  uint64_t doubled = 0;    // requests that the callee got again
  uint64_t invalid = 0;    // messages that were not what they had to be, of one in 64 looked at
  uint64_t not_begun = 0;  // their time came, but no room was left for them
  Histogram setup_us;      // from the time an INVITE or request was due to its 200

  // Less than one in 10,000 had another end than the right one.
  bool good() const {
    uint64_t bad = lost + failed + invalid + not_begun;
    return static_cast<double>(bad) < 1e-4 * static_cast<double>(begun) + 0.5;
  }
};

struct CallOptions {
  Kind kind = Kind::kCall;
  uint32_t hold_ms = 0;
  uint32_t patience_ms = 4000;
  size_t most = 1 << 19;  // calls at a time
  bool check = true;      // that what arrives went through a proxy
};

class Calls {
 public:
  Calls(Outlet& outlet, const CallOptions& options);

  void begin(uint64_t due_us, uint64_t now_us);
  void take_in(const Datagram& datagram, uint64_t now_us);
  // So many at most; the rest at the next call.
  void run_timers(uint64_t now_us, size_t most = Outlet::kBurst);
  // For kDialogOptions: what begin() from now on sends goes into the calls that are established.
  void stay_in_dialogs();

  // Calls and requests that wait for something.
  size_t open() const {
    size_t calls = options_.most - free_.size();
    return in_dialogs_ ? calls - established_.size() + asking_ : calls;
  }
  size_t established() const { return established_.size(); }
  Result& result() { return result_; }

 private:
  enum class State : uint8_t { kFree, kInviting, kHeld, kEnding, kAsking };

  // Small and on huge pages, as is the route that only an established call has: where millions
  // wait, what they take of the caches is missing to a server on the same CPU.
  struct Call {
    uint32_t generation = 0;
    State state = State::kFree;
    Kind kind = Kind::kCall;  // kCall, kOptions or kMessage
    uint8_t repeats = 0;
    bool seen_by_callee = false;
    uint64_t due_us = 0;
    uint64_t begun_us = 0;
  };
  struct Route {
    uint8_t size = 0;
    char text[215];
  };

  uint64_t number(uint32_t slot) const {
    return static_cast<uint64_t>(slot) << 32 | calls_[slot].generation;
  }
  Call* find(uint64_t number);
  Kind next_kind() const;
  const Template& first_text(const Call& call) const;
  void as_caller(const Arrived& message, uint64_t now_us);
  void as_callee(const Arrived& message);
  bool keep_route(uint32_t slot, const Arrived& message);
  void answered(uint32_t slot, const Arrived& message, uint64_t now_us);
  void end(uint32_t slot, uint64_t& outcome);
  void on_timer(uint32_t slot, uint64_t now_us);
  void send(const Template& text, uint64_t number);
  void send_in_call(const Template& start, const Template& rest, uint32_t slot);
  void answer(std::string_view status, const Arrived& request, const Template& rest);
  void check(const Datagram& datagram);
  void repeat_later(uint32_t slot, uint64_t now_us);

  Outlet& outlet_;
  const CallOptions options_;
  Texts texts_;
  control::link::HugeVector<Call> calls_;
  control::link::HugeVector<Route> routes_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> established_;
  size_t next_established_ = 0;
  size_t asking_ = 0;  // of the established ones
  bool in_dialogs_ = false;
  control::link::TimerWheel wheel_;
  Result result_;
  uint64_t looked_at_ = 0;
  std::unique_ptr<sipcore::Message> parsed_;
};

}  // namespace load
