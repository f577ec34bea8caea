// INVITE client transaction of a proxy: RFC 3261 17.1.1 with the Accepted state of RFC 6026 7.2 and
// the proxy's timer C (16.6 step 11, 16.8).
#pragma once

#include "sipcore/transaction/step.h"

namespace sipcore::invite_client {

enum class State : uint8_t {
  kCalling,
  kProceeding,
  kCancelling,
  kCompleted,
  kAccepted,
  kTerminated
};

enum class Event : uint8_t {
  kTrying,       // 100
  kProvisional,  // 101 to 199
  kSuccess,      // 2xx
  kFailure,      // 3xx to 6xx
  kCancelled,    // our CANCEL for this branch has gone out
  kRetransmit,   // timer A
  kTimeout,      // the long timer: B, C, D or M by state
  kTransportError,
  kCount
};

inline constexpr Row<State, Event> kRows[] = {
    // 17.1.1.2: Calling; 9.1: a CANCEL must wait for a provisional response
    {State::kCalling, Event::kTrying, State::kProceeding, kStopRetransmit, Timer::kC},
    {State::kCalling, Event::kProvisional, State::kProceeding, kStopRetransmit | kPass, Timer::kC},
    {State::kCalling, Event::kSuccess, State::kAccepted, kStopRetransmit | kPass, Timer::kM},
    {State::kCalling, Event::kFailure, State::kCompleted, kStopRetransmit | kAck | kPass,
     Timer::kD},
    {State::kCalling, Event::kCancelled, State::kCalling},
    {State::kCalling, Event::kRetransmit, State::kCalling, kResend | kDouble},
    {State::kCalling, Event::kTimeout, State::kTerminated, kReportTimeout | kFree},
    {State::kCalling, Event::kTransportError, State::kTerminated, kReportError | kFree},
    // 17.1.1.2: Proceeding; 16.7 step 2: timer C starts again with each 101 to 199
    {State::kProceeding, Event::kTrying, State::kProceeding},
    {State::kProceeding, Event::kProvisional, State::kProceeding, kPass, Timer::kC},
    {State::kProceeding, Event::kSuccess, State::kAccepted, kPass, Timer::kM},
    {State::kProceeding, Event::kFailure, State::kCompleted, kAck | kPass, Timer::kD},
    {State::kProceeding, Event::kCancelled, State::kCancelling, kNothing, Timer::kB},
    {State::kProceeding, Event::kRetransmit, State::kProceeding},
    {State::kProceeding, Event::kTimeout, State::kProceeding, kReportTimerC, Timer::kB},
    {State::kProceeding, Event::kTransportError, State::kProceeding},
    // 9.1: no final response within 64*T1 after the CANCEL ends the INVITE
    {State::kCancelling, Event::kTrying, State::kCancelling},
    {State::kCancelling, Event::kProvisional, State::kCancelling, kPass},
    {State::kCancelling, Event::kSuccess, State::kAccepted, kPass, Timer::kM},
    {State::kCancelling, Event::kFailure, State::kCompleted, kAck | kPass, Timer::kD},
    {State::kCancelling, Event::kCancelled, State::kCancelling},
    {State::kCancelling, Event::kRetransmit, State::kCancelling},
    {State::kCancelling, Event::kTimeout, State::kTerminated, kReportTimeout | kFree},
    {State::kCancelling, Event::kTransportError, State::kCancelling},
    // 17.1.1.2: Completed absorbs repeated final responses and acknowledges each
    {State::kCompleted, Event::kTrying, State::kCompleted},
    {State::kCompleted, Event::kProvisional, State::kCompleted},
    {State::kCompleted, Event::kSuccess, State::kCompleted},
    {State::kCompleted, Event::kFailure, State::kCompleted, kAck},
    {State::kCompleted, Event::kCancelled, State::kCompleted},
    {State::kCompleted, Event::kRetransmit, State::kCompleted},
    {State::kCompleted, Event::kTimeout, State::kTerminated, kFree},
    {State::kCompleted, Event::kTransportError, State::kTerminated, kFree},
    // RFC 6026 7.2: Accepted passes every 2xx on, and nothing else
    {State::kAccepted, Event::kTrying, State::kAccepted},
    {State::kAccepted, Event::kProvisional, State::kAccepted},
    {State::kAccepted, Event::kSuccess, State::kAccepted, kPass},
    {State::kAccepted, Event::kFailure, State::kAccepted},
    {State::kAccepted, Event::kCancelled, State::kAccepted},
    {State::kAccepted, Event::kRetransmit, State::kAccepted},
    {State::kAccepted, Event::kTimeout, State::kTerminated, kFree},
    {State::kAccepted, Event::kTransportError, State::kAccepted},
};

inline constexpr Machine<State, Event> kMachine(kRows);
static_assert(kMachine.complete());

}  // namespace sipcore::invite_client
