// What the four transaction machines (RFC 3261 17, RFC 6026) have in common. A machine is a table
// of rows {state, event, next state, actions, timer}; step() looks up and does nothing else. One
// place in the worker performs the actions, and the simulator and the fuzzer step the same tables.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sipcore {

// What to do, in the order of the bits.
enum Action : uint16_t {
  kNothing = 0,  // the event is absorbed here
  kStopRetransmit = 1 << 0,
  kStartRetransmit = 1 << 1,  // first interval T1
  kSend = 1 << 2,             // the message that caused the event goes to the peer
  kResend = 1 << 3,           // the stored message goes to the peer again
  kDouble = 1 << 4,           // next retransmission after twice the interval (timer A)
  kDoubleToT2 = 1 << 5,       // the same, at most T2 (timers E, G)
  kEveryT2 = 1 << 6,          // next retransmission after T2 (timer E in Proceeding)
  kAck = 1 << 7,              // send the ACK of this hop
  kPass = 1 << 8,             // the message that caused the event goes to the transaction user
  kReportTimeout = 1 << 9,    // the peer never answered
  kReportTimerC = 1 << 10,    // ringing for too long: the transaction user has to CANCEL
  kReportError = 1 << 11,     // the transport failed
  kFree = 1 << 12,
};

// The one long timer that a transaction has running; starting another replaces it.
enum class Timer : uint8_t { kKeep, kB, kC, kD, kF, kH, kI, kJ, kK, kL, kM };

template <class State>
struct Step {
  State next{};
  uint16_t actions = kNothing;
  Timer timer = Timer::kKeep;
  bool given = false;
};

template <class State, class Event>
struct Row {
  State state;
  Event event;
  State next;
  uint16_t actions = kNothing;
  Timer timer = Timer::kKeep;
};

template <class State, class Event>
class Machine {
 public:
  static constexpr size_t kStates = static_cast<size_t>(State::kTerminated);
  static constexpr size_t kEvents = static_cast<size_t>(Event::kCount);

  template <size_t kRows>
  constexpr explicit Machine(const Row<State, Event> (&rows)[kRows]) {
    for (const Row<State, Event>& row : rows) {
      Step<State>& cell = cells_[static_cast<size_t>(row.state)][static_cast<size_t>(row.event)];
      repeated_ |= cell.given;
      cell = {row.next, row.actions, row.timer, true};
    }
  }

  // Every state but Terminated answers every event, once.
  constexpr bool complete() const {
    for (const auto& state : cells_) {
      for (const Step<State>& cell : state) {
        if (!cell.given) return false;
      }
    }
    return !repeated_;
  }

  constexpr const Step<State>& step(State state, Event event) const {
    return cells_[static_cast<size_t>(state)][static_cast<size_t>(event)];
  }

 private:
  std::array<std::array<Step<State>, kEvents>, kStates> cells_{};
  bool repeated_ = false;
};

// Durations in milliseconds (RFC 3261 17.1.1.1, 16.6 step 11, appendix A; RFC 6026 7).
struct TimerValues {
  uint32_t t1_ms = 500;
  uint32_t t2_ms = 4000;
  uint32_t t4_ms = 5000;
  uint32_t timer_c_ms = 190000;
  uint32_t timer_d_ms = 32000;

  constexpr uint32_t of(Timer timer) const {
    switch (timer) {
      case Timer::kC:
        return timer_c_ms;
      case Timer::kD:
        return timer_d_ms;
      case Timer::kI:
      case Timer::kK:
        return t4_ms;
      default:
        return 64 * t1_ms;
    }
  }
};

}  // namespace sipcore
