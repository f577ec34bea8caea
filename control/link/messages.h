// What workers and the control thread tell each other, as plain values in mailboxes.
#pragma once

#include <cstdint>

#include "sipcore/build/token.h"
#include "sipcore/grammar/ip.h"

namespace control::link {

// Worker to control.
struct ToControl {
  enum class What : uint8_t { kAskNeighbour } what = What::kAskNeighbour;
  sipcore::IpAddress address;  // whose link-layer address is wanted
};

// Control to worker.
struct ToWorker {
  enum class What : uint8_t { kUnreachable } what = What::kUnreachable;
  sipcore::BranchToken branch;  // of the request that an ICMP error came back for
};

}  // namespace control::link
