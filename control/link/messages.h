// What workers and the control thread tell each other, as plain values in mailboxes.
#pragma once

#include <array>
#include <cstdint>

#include "sipcore/build/token.h"
#include "sipcore/grammar/ip.h"

namespace control::link {

// Worker to control.
struct ToControl {
  enum class What : uint8_t { kAskNeighbour, kProbeAnswered, kBan, kRule };
  What what = What::kAskNeighbour;
  enum class Reason : uint8_t { kRate, kScanner } reason = Reason::kRate;  // of a ban
  sipcore::IpAddress
      address;  // whose link-layer address is wanted, who is to be banned, or who sent
  sipcore::BranchToken branch;  // of the probe
  int status = 0;
  uint32_t retry_after_s = 0;  // 0: not said
  uint16_t rule = 0;           // that is to be logged: its counter
  uint64_t at_us = 0;          // when the answer came
};

// Control to worker.
struct ToWorker {
  enum class What : uint8_t { kUnreachable } what = What::kUnreachable;
  sipcore::BranchToken branch;  // of the request that an ICMP error came back for
};

// Control to worker: a message to be sent as it is.
struct Outgoing {
  static constexpr size_t kMost = 1000;
  sipcore::Endpoint to;
  uint16_t listen = 0;  // index of the address to send from
  uint16_t size = 0;
  std::array<char, kMost> bytes;
};

}  // namespace control::link
