// Non-INVITE server transaction: RFC 3261 17.2.2 with RFC 4320.
#pragma once

#include "sipcore/transaction/step.h"

namespace sipcore::server {

enum class State : uint8_t { kTrying, kProceeding, kCompleted, kTerminated };

enum class Event : uint8_t {
  kRequest,      // the same request again
  kProvisional,  // the transaction user answers 1xx
  kFinal,        // ... 200 to 699
  kAbandon,      // the transaction user will never answer (RFC 4320 4.2)
  kTimeout,      // timer J
  kTransportError,
  kCount
};

inline constexpr Row<State, Event> kRows[] = {
    {State::kTrying, Event::kRequest, State::kTrying},
    {State::kTrying, Event::kProvisional, State::kProceeding, kSend},
    {State::kTrying, Event::kFinal, State::kCompleted, kSend, Timer::kJ},
    // RFC 4320 4.2: no 408 is sent; the request stays known, and is absorbed when it is repeated.
    {State::kTrying, Event::kAbandon, State::kCompleted, 0, Timer::kJ},
    {State::kTrying, Event::kTimeout, State::kTrying},
    {State::kTrying, Event::kTransportError, State::kTrying},
    {State::kProceeding, Event::kRequest, State::kProceeding, kResend},
    {State::kProceeding, Event::kProvisional, State::kProceeding, kSend},
    {State::kProceeding, Event::kFinal, State::kCompleted, kSend, Timer::kJ},
    {State::kProceeding, Event::kAbandon, State::kCompleted, 0, Timer::kJ},
    {State::kProceeding, Event::kTimeout, State::kProceeding},
    {State::kProceeding, Event::kTransportError, State::kProceeding},
    {State::kCompleted, Event::kRequest, State::kCompleted, kResend},
    {State::kCompleted, Event::kProvisional, State::kCompleted},
    {State::kCompleted, Event::kFinal, State::kCompleted},
    {State::kCompleted, Event::kAbandon, State::kCompleted},
    {State::kCompleted, Event::kTimeout, State::kTerminated, kFree},
    {State::kCompleted, Event::kTransportError, State::kCompleted},
};

inline constexpr Machine<State, Event> kMachine(kRows);
static_assert(kMachine.complete());

}  // namespace sipcore::server
