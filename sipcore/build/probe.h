// OPTIONS that asks a destination whether it is alive (RFC 3261 11).
#pragma once

#include <span>
#include <string_view>

#include "sipcore/build/token.h"

namespace sipcore {

// In the branch of a probe: no worker owns it, whoever gets the answer tells control.
inline constexpr uint8_t kProbeWorker = 0xff;

struct Probe {
  // slot: of the destination; generation: which probe it is; loop: when it was sent, in us.
  BranchToken token;
  Endpoint from;              // our address
  std::string_view uri;       // of the destination, also its Request-URI
  std::string_view from_uri;  // who asks
};

// The size of the message written to `out`; 0: it does not fit.
size_t build_probe(const Probe& probe, const HashKey& key, std::span<char> out);

}  // namespace sipcore
