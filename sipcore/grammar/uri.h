// URIs (RFC 3261 19.1, RFC 3966 for tel). The parts are views into the text that was parsed.
//
//   sip : alice : secret @ example.com : 5060 ;transport=udp;lr ?subject=x
//   scheme user  password   host        port   params            headers
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sipcore/grammar/cursor.h"

namespace sipcore {

enum class Scheme : uint8_t { kSip, kSips, kTel, kOther };

struct Uri {
  Scheme scheme = Scheme::kOther;
  std::string_view text;
  std::string_view user;  // sip: user part; tel: the number
  std::string_view password;
  std::string_view host;     // an IPv6 reference keeps its brackets
  uint16_t port = 0;         // 0: not given
  std::string_view params;   // from the first ";" on, or empty
  std::string_view headers;  // after "?", or empty
  bool has_user = false;
  bool has_headers = false;
};

// The whole of `text` must be the URI. An unknown scheme is accepted as long as it is an absolute
// URI at all; only scheme and text are set then. nullopt: not a URI.
std::optional<Uri> parse_uri(std::string_view text);
// The same into `out`, which is as new; false: malformed, `out` is half filled.
bool parse_uri(std::string_view text, Uri& out);

// Takes a host name, an IPv4 address or an IPv6 reference in brackets.
bool take_host(Cursor& cursor, std::string_view& host);

// One parameter of a sip or sips URI (uri-parameter, which allows more characters than a header's).
struct UriParam {
  std::string_view value;
};
std::optional<UriParam> find_uri_param(std::string_view params, std::string_view name);

}  // namespace sipcore
