// INVITE server transaction of a proxy: RFC 3261 17.2.1 with the Accepted state of RFC 6026 7.1. A
// 2xx of another branch goes up in every state (16.7 step 5).
#pragma once

#include "sipcore/transaction/step.h"

namespace sipcore::invite_server {

enum class State : uint8_t { kProceeding, kCompleted, kConfirmed, kAccepted, kTerminated };

enum class Event : uint8_t {
  kRequest,      // the INVITE again
  kAck,          // with the branch of the INVITE
  kProvisional,  // the transaction user answers 1xx
  kSuccess,      // ... 2xx
  kFailure,      // ... 3xx to 6xx
  kRetransmit,   // timer G
  kTimeout,      // the long timer: H, I or L by state
  kTransportError,
  kCount
};

inline constexpr Row<State, Event> kRows[] = {
    // 17.2.1: Proceeding
    {State::kProceeding, Event::kRequest, State::kProceeding, kResend},
    {State::kProceeding, Event::kAck, State::kProceeding},
    {State::kProceeding, Event::kProvisional, State::kProceeding, kSend},
    {State::kProceeding, Event::kSuccess, State::kAccepted, kSend, Timer::kL},
    {State::kProceeding, Event::kFailure, State::kCompleted, kStartRetransmit | kSend, Timer::kH},
    {State::kProceeding, Event::kRetransmit, State::kProceeding},
    {State::kProceeding, Event::kTimeout, State::kProceeding},
    {State::kProceeding, Event::kTransportError, State::kProceeding},
    // 17.2.1: Completed repeats the final response until its ACK
    {State::kCompleted, Event::kRequest, State::kCompleted, kResend},
    {State::kCompleted, Event::kAck, State::kConfirmed, kStopRetransmit, Timer::kI},
    {State::kCompleted, Event::kProvisional, State::kCompleted},
    {State::kCompleted, Event::kSuccess, State::kCompleted, kSend},
    {State::kCompleted, Event::kFailure, State::kCompleted},
    {State::kCompleted, Event::kRetransmit, State::kCompleted, kResend | kDoubleToT2},
    {State::kCompleted, Event::kTimeout, State::kTerminated, kReportTimeout | kFree},
    {State::kCompleted, Event::kTransportError, State::kCompleted},
    // 17.2.1: Confirmed absorbs further ACKs
    {State::kConfirmed, Event::kRequest, State::kConfirmed},
    {State::kConfirmed, Event::kAck, State::kConfirmed},
    {State::kConfirmed, Event::kProvisional, State::kConfirmed},
    {State::kConfirmed, Event::kSuccess, State::kConfirmed, kSend},
    {State::kConfirmed, Event::kFailure, State::kConfirmed},
    {State::kConfirmed, Event::kRetransmit, State::kConfirmed},
    {State::kConfirmed, Event::kTimeout, State::kTerminated, kFree},
    {State::kConfirmed, Event::kTransportError, State::kConfirmed},
    // RFC 6026 7.1: Accepted absorbs the INVITE in silence and lets every 2xx through
    {State::kAccepted, Event::kRequest, State::kAccepted},
    {State::kAccepted, Event::kAck, State::kAccepted, kPass},
    {State::kAccepted, Event::kProvisional, State::kAccepted},
    {State::kAccepted, Event::kSuccess, State::kAccepted, kSend},
    {State::kAccepted, Event::kFailure, State::kAccepted},
    {State::kAccepted, Event::kRetransmit, State::kAccepted},
    {State::kAccepted, Event::kTimeout, State::kTerminated, kFree},
    {State::kAccepted, Event::kTransportError, State::kAccepted},
};

inline constexpr Machine<State, Event> kMachine(kRows);
static_assert(kMachine.complete());

}  // namespace sipcore::invite_server
