// What tells a destination from all others: the same URI in two groups is two destinations, each
// with its own state and limits, and so is the same URI that is sent to from two listen addresses,
// or at two addresses of its host name.
#pragma once

#include <compare>
#include <string>

#include "sipcore/grammar/ip.h"

namespace control::link {

struct DestinationName {
  std::string group;
  std::string uri;
  sipcore::Endpoint listen;   // that it is sent to from; none: whichever leads there
  sipcore::Endpoint address;  // one of those that its host name stands for; none: all of them

  // As the configuration has it, with all its addresses.
  DestinationName entry() const { return {group, uri, listen, {}}; }
  friend auto operator<=>(const DestinationName&, const DestinationName&) = default;
};

// In its group: "URI", "URI from LISTEN", and for an address alone that behind it. Consistent
// hashing and the list know it by that.
inline std::string to_string(const DestinationName& name) {
  std::string out = name.uri;
  if (!name.listen.ip.none()) out += " from " + sipcore::to_string(name.listen);
  if (!name.address.ip.none()) out += " " + sipcore::to_string(name.address);
  return out;
}

}  // namespace control::link
