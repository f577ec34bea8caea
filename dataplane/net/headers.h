// Ethernet, IPv4, IPv6 and UDP headers: read from a received packet, written before a payload.
#pragma once

#include <cstdint>
#include <optional>

#include "control/link/counters.h"
#include "control/link/next_hop.h"
#include "dataplane/core/packet.h"
#include "sipcore/grammar/ip.h"

namespace dataplane {

inline constexpr uint32_t kEthernetSize = 14;
inline constexpr uint32_t kIpv4Size = 20;
inline constexpr uint32_t kIpv6Size = 40;
inline constexpr uint32_t kUdpSize = 8;
inline constexpr uint32_t kFragmentHeaderSize = 8;  // IPv6 extension header

// A part of a datagram. `key` members identify the datagram it belongs to.
struct Fragment {
  uint32_t id = 0;
  uint32_t offset = 0;  // of its first byte, in bytes
  bool more = false;
};

// What the headers of a packet say. Offsets count from the packet's first byte.
struct NetInfo {
  sipcore::Endpoint source;
  sipcore::Endpoint target;
  uint32_t ip_payload = 0;  // offset of what follows the IP headers
  uint32_t ip_payload_size = 0;
  uint32_t payload = 0;  // offset of the UDP payload
  uint32_t payload_size = 0;
  bool is_fragment = false;
  Fragment fragment;
};

// Reads the link, IP and UDP headers; names what is wrong, kFates: nothing. Of a fragment UDP stays
// unread.
control::link::Count read_headers(const Packet& packet, NetInfo& out);

// Reads UDP out of out.ip_payload, but for its checksum, which takes a look at every byte.
control::link::Count read_udp(const Packet& packet, NetInfo& out);

// Of what read_udp() has read: the checksum fits, or there is none, or the port vouches for it.
bool checksum_fits(const Packet& packet, const NetInfo& info);

// Puts headers before the payload that `packet` holds, which must fit one IP datagram; it needs 62
// bytes of headroom. The IPv4 identification is `id`.
void write_headers(Packet& packet, const sipcore::Endpoint& source, const sipcore::Endpoint& target,
                   const control::link::NextHop& hop, uint16_t id);

uint32_t headers_size(sipcore::Family family);

// RFC 791, RFC 8200: an IPv4 packet is at most 65,535 bytes, what follows an IPv6 header likewise.
inline constexpr uint32_t most_udp_payload(sipcore::Family family) {
  return 65535 - kUdpSize - (family == sipcore::Family::kV4 ? kIpv4Size : 0);
}

}  // namespace dataplane
