// The Homer Encapsulation Protocol, version 3, by which Homer, heplify-server, sngrep and others
// are told of messages.
//
//   "HEP3" | length of all | chunks of: vendor 0 | type | length with these six bytes | value
#pragma once

#include <string>

#include "control/trace/recorder.h"

namespace control::trace {

// `node`: the capture agent's number.
std::string hep_packet(const Message& message, uint32_t node);

}  // namespace control::trace
