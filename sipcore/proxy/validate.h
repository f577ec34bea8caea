// What a proxy checks before it routes (RFC 3261 16.3 and 8.2.2), and what the rest of the path
// needs to know of a message, decoded once. Only what is checked here is ever read by Tandem; every
// other header field and the body pass through unread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sipcore/grammar/message.h"
#include "sipcore/grammar/name_addr.h"
#include "sipcore/grammar/uri.h"
#include "sipcore/grammar/via.h"

namespace sipcore {

inline constexpr size_t kMaxValues = 128;  // comma separated values of Via, Route in one message

// Views into the message. `present` parts that could be decoded stay filled also on a fault, which
// is what an answer is built from.
struct Essentials {
  std::optional<Via> via;  // topmost
  Uri request_uri;
  std::optional<NameAddr> first_route;  // first value of the first Route
  std::string_view call_id;
  std::string_view from_tag;
  std::string_view to_tag;
  std::string_view cseq_method;
  uint32_t cseq = 0;
  uint32_t max_forwards = 0;
  bool has_max_forwards = false;

  void clear();
};

// Checks a parsed message, `fault` being what Message::parse said. kNone: may be routed. A fault
// whose status is 0 is a drop; an ACK and a response never get anything but a drop.
Fault validate(const Message& message, Fault fault, Essentials& out);

}  // namespace sipcore
