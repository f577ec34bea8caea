// Non-INVITE client transaction of a proxy: RFC 3261 17.1.2 with RFC 4320.
#pragma once

#include "sipcore/transaction/step.h"

namespace sipcore::client {

enum class State : uint8_t { kTrying, kProceeding, kCompleted, kTerminated };

enum class Event : uint8_t {
  kTrying,       // 100
  kProvisional,  // 101 to 199
  kFinal,        // 200 to 699
  kRetransmit,   // timer E
  kTimeout,      // the long timer: F or K by state
  kTransportError,
  kCount
};

inline constexpr Row<State, Event> kRows[] = {
    {State::kTrying, Event::kTrying, State::kProceeding},
    // RFC 4320 4.1: nobody upstream gets to see a 1xx of a request that is not INVITE.
    {State::kTrying, Event::kProvisional, State::kProceeding},
    {State::kTrying, Event::kFinal, State::kCompleted, kStopRetransmit | kPass, Timer::kK},
    {State::kTrying, Event::kRetransmit, State::kTrying, kResend | kDoubleToT2},
    {State::kTrying, Event::kTimeout, State::kTerminated, kReportTimeout | kFree},
    {State::kTrying, Event::kTransportError, State::kTerminated, kReportError | kFree},
    {State::kProceeding, Event::kTrying, State::kProceeding},
    {State::kProceeding, Event::kProvisional, State::kProceeding},
    {State::kProceeding, Event::kFinal, State::kCompleted, kStopRetransmit | kPass, Timer::kK},
    {State::kProceeding, Event::kRetransmit, State::kProceeding, kResend | kEveryT2},
    {State::kProceeding, Event::kTimeout, State::kTerminated, kReportTimeout | kFree},
    {State::kProceeding, Event::kTransportError, State::kTerminated, kReportError | kFree},
    {State::kCompleted, Event::kTrying, State::kCompleted},
    {State::kCompleted, Event::kProvisional, State::kCompleted},
    {State::kCompleted, Event::kFinal, State::kCompleted},
    {State::kCompleted, Event::kRetransmit, State::kCompleted},
    {State::kCompleted, Event::kTimeout, State::kTerminated, kFree},
    {State::kCompleted, Event::kTransportError, State::kCompleted},
};

inline constexpr Machine<State, Event> kMachine(kRows);
static_assert(kMachine.complete());

}  // namespace sipcore::client
