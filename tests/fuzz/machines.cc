// Any sequence of events through the four transaction machines: a freed transaction is Terminated
// and the other way round, a timer is never left running in it, and nothing is sent from it.
#include "sipcore/transaction/client.h"
#include "sipcore/transaction/invite_client.h"
#include "sipcore/transaction/invite_server.h"
#include "sipcore/transaction/server.h"
#include "tests/fuzz/input.h"

template <class State, class Event>
void run(const sipcore::Machine<State, Event>& machine, State first, const uint8_t* data,
         size_t size) {
  State state = first;
  size_t finals = 0;
  for (size_t i = 0; i < size && state != State::kTerminated; ++i) {
    auto event = static_cast<Event>(data[i] % static_cast<uint8_t>(Event::kCount));
    const auto& step = machine.step(state, event);
    bool free = (step.actions & sipcore::kFree) != 0;
    CHECK(free == (step.next == State::kTerminated));
    CHECK(!free || (step.actions & (sipcore::kSend | sipcore::kResend)) == 0);
    CHECK(!free || step.timer == sipcore::Timer::kKeep);
    bool starts = (step.actions & sipcore::kStartRetransmit) != 0;
    bool stops = (step.actions & sipcore::kStopRetransmit) != 0;
    CHECK(!(starts && stops));
    finals += (step.actions & sipcore::kReportTimeout) != 0 ? 1 : 0;
    state = step.next;
  }
  CHECK(finals <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  switch (data[0] % 4) {
    case 0:
      run(sipcore::invite_client::kMachine, sipcore::invite_client::State::kCalling, data + 1,
          size - 1);
      break;
    case 1:
      run(sipcore::invite_server::kMachine, sipcore::invite_server::State::kProceeding, data + 1,
          size - 1);
      break;
    case 2:
      run(sipcore::client::kMachine, sipcore::client::State::kTrying, data + 1, size - 1);
      break;
    default:
      run(sipcore::server::kMachine, sipcore::server::State::kTrying, data + 1, size - 1);
      break;
  }
  return 0;
}
