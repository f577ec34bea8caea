// Via (RFC 3261 20.42, RFC 3581).
//
//   SIP/2.0/UDP  host:5060  ;branch=z9hG4bK77;received=192.0.2.9;rport=5062
//   transport    sent-by     params
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sipcore/grammar/cursor.h"

namespace sipcore {

inline constexpr std::string_view kBranchCookie = "z9hG4bK";

struct Via {
  std::string_view text;  // this value alone, trimmed
  std::string_view transport;
  std::string_view host;    // an IPv6 reference keeps its brackets
  uint16_t port = 0;        // 0: not given
  std::string_view params;  // from the first ";" on
  std::string_view branch;
  std::string_view received;
  std::string_view rport;  // its value
  bool has_rport = false;
  bool sip2 = false;    // protocol is SIP/2.0
  bool broken = false;  // only the protocol could be read

  bool rfc3261_branch() const {
    return branch.size() > kBranchCookie.size() &&
           equal_nocase(branch.substr(0, kBranchCookie.size()), kBranchCookie);
  }
};

// Takes one value, up to a comma or the end of the header value. False: malformed, `out` is half
// filled.
bool take_via(Cursor& cursor, Via& out);

// For a value that take_via refuses: given back as broken if it at least begins like a Via, so that
// the request can be answered, to where it came from.
std::optional<Via> salvage_via(std::string_view value);

}  // namespace sipcore
