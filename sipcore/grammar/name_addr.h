// name-addr and addr-spec with what follows them, as in From, To, Contact, Route and Record-Route
// (RFC 3261 20, 25.1).
//
//   "Alice" <sip:alice@example.com;lr> ;tag=88
//    display  uri                        params
#pragma once

#include <optional>
#include <string_view>

#include "sipcore/grammar/cursor.h"
#include "sipcore/grammar/uri.h"

namespace sipcore {

struct NameAddr {
  std::string_view display;  // quotes kept; empty where there is none
  Uri uri;                   // what stands within < and >
  std::string_view params;   // header parameters, from the first ";" on
  std::string_view tag;      // the value of the first one named tag
  std::string_view text;     // all of it
};

// Takes one value, up to a comma or the end. Without < > every parameter belongs to the header
// (RFC 3261 20.10). A display name is taken leniently: anything but <, > and quotes, because it is
// seen in real networks and misleads nobody. nullopt: malformed.
std::optional<NameAddr> take_name_addr(Cursor& cursor);

// A header that holds exactly one value (From, To).
std::optional<NameAddr> parse_name_addr(std::string_view value);

}  // namespace sipcore
