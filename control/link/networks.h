// A set of addresses and networks, up to a million of them: is an address in one of them? Made
// once, then only read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sipcore/grammar/ip.h"
#include "sipcore/hash/siphash.h"

namespace control::link {

struct Network {
  sipcore::IpAddress ip;  // cleared behind the prefix
  uint8_t bits = 0;
  friend auto operator<=>(const Network&, const Network&) = default;
};

// "192.0.2.0/24", "2001:db8::/32", or an address alone.
std::optional<Network> parse_network(std::string_view text);
std::string to_string(const Network& network);
// The network of that many bits that the address is in.
Network network_of(const sipcore::IpAddress& ip, uint8_t bits);

// The address alone.
Network network_of(const sipcore::IpAddress& ip);
// What one customer has: of IPv6 a /64 at least (RFC 6177).
Network site_of(const sipcore::IpAddress& ip);

class Networks {
 public:
  Networks() = default;
  Networks(std::span<const Network> all, const sipcore::HashKey& key);

  bool empty() const { return cells_.empty(); }
  // One look for each length of prefix that is in the set.
  bool contains(const sipcore::IpAddress& ip) const;

 private:
  uint64_t hash(const Network& network) const;
  bool has(uint64_t hash) const;

  sipcore::HashKey key_{};
  std::vector<uint64_t> cells_;  // hashes, open addressing, at most half full; 0: empty
  std::vector<uint8_t> lengths_v4_, lengths_v6_;
};

}  // namespace control::link
