// IP addresses and transport endpoints as values. An IPv4 address uses the first four bytes.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace sipcore {

enum class Family : uint8_t { kNone, kV4, kV6 };

struct IpAddress {
  std::array<uint8_t, 16> bytes{};
  Family family = Family::kNone;

  bool none() const { return family == Family::kNone; }
  size_t size() const { return family == Family::kV4 ? 4 : family == Family::kV6 ? 16 : 0; }
  // Never a place that a message of a peer may send us to: unspecified, multicast, broadcast,
  // link-local (where clouds keep their metadata) and IPv4 in disguise.
  bool unusable_as_target() const {
    if (family != Family::kV4) return unusable_v6();
    bool link_local = bytes[0] == 169 && bytes[1] == 254;
    return bytes[0] == 0 || bytes[0] >= 224 || link_local;  // 0/8 is "this network"
  }
  bool loopback() const;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  // In two words: it is asked for each packet, and memcmp takes longer to begin than this to end.
  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    uint64_t x[2], y[2];
    std::memcpy(x, a.bytes.data(), sizeof x);
    std::memcpy(y, b.bytes.data(), sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0 && a.family == b.family;
  }

 private:
  bool unusable_v6() const;
};

inline constexpr uint16_t kDefaultPort = 5060;  // RFC 3261 19.1.2, of UDP and TCP

struct Endpoint {
  IpAddress ip;
  uint16_t port = 0;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// "192.0.2.1", "2001:db8::1" or "[2001:db8::1]".
std::optional<IpAddress> parse_ip(std::string_view text);
// "192.0.2.1:5060", "[2001:db8::1]:5060"; the port may be left out and is `default_port` then.
std::optional<Endpoint> parse_endpoint(std::string_view text, uint16_t default_port);

inline constexpr size_t kIpTextMost = 41;        // an IPv6 reference with its brackets
inline constexpr size_t kEndpointTextMost = 47;  // and ":65535"

// Write the text form into `out` (at least kIpTextMost, kEndpointTextMost bytes) and return it; an
// IPv6 address comes as a reference, in brackets, as a SIP host part must be.
std::string_view format_ip(const IpAddress& ip, char* out);
std::string_view format_endpoint(const Endpoint& endpoint, char* out);
std::string to_string(const Endpoint& endpoint);

}  // namespace sipcore
