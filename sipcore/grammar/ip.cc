#include "sipcore/grammar/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "sipcore/grammar/chars.h"
#include "sipcore/grammar/number.h"

namespace sipcore {
namespace {

constexpr std::string_view kThreeColons = ":::";

// One to three digits, at most 255.
bool take_octet(const char*& at, const char* end, uint8_t& out) {
  constexpr uint32_t kMostDigits = 3;
  uint32_t number = 0, digits = 0;
  for (; digits < kMostDigits && at != end; ++digits, ++at) {
    uint32_t digit = static_cast<uint32_t>(static_cast<uint8_t>(*at)) - '0';
    if (digit > 9) break;
    number = number * 10 + digit;
  }
  out = static_cast<uint8_t>(number);
  return digits > 0 && number <= 255;
}

// Four numbers with dots between them.
bool parse_v4(std::string_view text, IpAddress& out) {
  const char *at = text.data(), *end = at + text.size();
  out.family = Family::kV4;
  for (size_t part = 0; part < 4; ++part) {
    if (part > 0 && (at == end || *at++ != '.')) return false;
    if (!take_octet(at, end, out.bytes[part])) return false;
  }
  return at == end;
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return std::nullopt;
  char* end = std::copy(text.begin(), text.end(), copy);
  // The grammar of RFC 3261 allows three colons before an embedded IPv4 address, which RFC
  // 5118 4.10 asks to read as two.
  char* three = std::search(copy, end, kThreeColons.begin(), kThreeColons.end());
  if (three != end) end = std::copy(three + 1, end, three);
  *end = '\0';
  IpAddress ip;
  ip.family = Family::kV6;
  if (inet_pton(AF_INET6, copy, ip.bytes.data()) != 1) return std::nullopt;
  return ip;
}

}  // namespace

bool IpAddress::unusable_v6() const {
  static constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  bool zero = std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
  bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  bool mapped = std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
  return none() || zero || bytes[0] == 0xff || link_local || mapped;
}

bool IpAddress::loopback() const {
  if (family == Family::kV4) return bytes[0] == 127;
  return family == Family::kV6 && bytes[15] == 1 &&
         std::all_of(bytes.begin(), bytes.begin() + 15, [](uint8_t b) { return b == 0; });
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    return parse_v6(text.substr(1, text.size() - 2));
  }
  // A host name, too, is mostly told by its first character.
  bool numeric = !text.empty() && (is(text.front(), kHexChar) || text.front() == ':');
  if (!numeric) return std::nullopt;
  std::optional<IpAddress> ip(std::in_place);
  if (parse_v4(text, *ip)) return ip;
  return text.find(':') == std::string_view::npos ? std::nullopt : parse_v6(text);
}

std::optional<Endpoint> parse_endpoint(std::string_view text, uint16_t default_port) {
  size_t bracket = text.find(']');
  size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  Endpoint endpoint;
  endpoint.port = default_port;
  if (colon != std::string_view::npos) {
    auto port = parse_number(text.substr(colon + 1), 65535);
    if (!port || *port == 0) return std::nullopt;
    endpoint.port = static_cast<uint16_t>(*port);
    text = text.substr(0, colon);
  }
  auto ip = parse_ip(text);
  if (!ip) return std::nullopt;
  endpoint.ip = *ip;
  return endpoint;
}

std::string_view format_ip(const IpAddress& ip, char* out) {
  char* at = out;
  if (ip.family == Family::kV6) {
    *at++ = '[';
    inet_ntop(AF_INET6, ip.bytes.data(), at, INET6_ADDRSTRLEN);
    at += std::strlen(at);
    *at++ = ']';
  } else {
    for (int i = 0; i < 4; ++i) {
      if (i > 0) *at++ = '.';
      at = std::to_chars(at, at + 3, ip.bytes[i]).ptr;
    }
  }
  return {out, static_cast<size_t>(at - out)};
}

std::string_view format_endpoint(const Endpoint& endpoint, char* out) {
  char* at = out + format_ip(endpoint.ip, out).size();
  *at++ = ':';
  at = std::to_chars(at, at + 5, endpoint.port).ptr;
  return {out, static_cast<size_t>(at - out)};
}

std::string to_string(const Endpoint& endpoint) {
  char text[kEndpointTextMost + 1];
  return std::string(format_endpoint(endpoint, text));
}

}  // namespace sipcore
