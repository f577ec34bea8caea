#include "dataplane/net/headers.h"

#include <immintrin.h>

#include <cstring>

#include "dataplane/net/checksum.h"

namespace dataplane {
namespace {

using control::link::Count;
using sipcore::Family;
using sipcore::IpAddress;

constexpr Count kFine = Count::kFates;
constexpr uint16_t kEtherIpv4 = 0x0800;
constexpr uint16_t kEtherIpv6 = 0x86dd;
constexpr uint8_t kProtocolUdp = 17;
constexpr uint8_t kNextFragment = 44;

uint8_t byte_at(const char* p) { return static_cast<uint8_t>(*p); }

uint16_t read16(const char* p) { return static_cast<uint16_t>(byte_at(p) << 8 | byte_at(p + 1)); }

uint32_t read32(const char* p) { return static_cast<uint32_t>(read16(p)) << 16 | read16(p + 2); }

void write16(char* p, uint32_t value) {
  p[0] = static_cast<char>(value >> 8);
  p[1] = static_cast<char>(value);
}

// In one store, as it is read again in one load: a load waits for several stores to be done.
template <Family kFamily>
void read_address(const char* p, IpAddress& out) {
  __m128i bytes;
  if constexpr (kFamily == Family::kV4) {
    int32_t word;
    std::memcpy(&word, p, sizeof word);
    bytes = _mm_cvtsi32_si128(word);
  } else {
    bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out.bytes.data()), bytes);
  out.family = kFamily;
}

uint16_t udp_checksum(const IpAddress& source, const IpAddress& target, const char* udp,
                      uint32_t size) {
  // The pseudo header; bytes that an IPv4 address does not use are zero.
  uint64_t sum = uint64_t{kProtocolUdp} << 8;
  sum += static_cast<uint64_t>(__builtin_bswap16(static_cast<uint16_t>(size >> 16)));
  sum += static_cast<uint64_t>(__builtin_bswap16(static_cast<uint16_t>(size)));
  for (const IpAddress* ip : {&source, &target}) {
    uint64_t words[2];
    std::memcpy(words, ip->bytes.data(), sizeof words);
    for (uint64_t two : words) sum += (two & UINT32_MAX) + (two >> 32);
  }
  return checksum_fold(checksum_add(sum, udp, size));
}

Count read_ipv4(std::string_view ip, NetInfo& out) {
  if (ip.size() < kIpv4Size) return Count::drop_bad_ip;
  const char* p = ip.data();
  uint32_t header = (byte_at(p) & 15U) * 4U;
  uint32_t total = read16(p + 2);
  if (byte_at(p) >> 4 != 4 || header < kIpv4Size || total < header || total > ip.size()) {
    return Count::drop_bad_ip;
  }
  uint64_t sum = checksum_add_plain(0, p, kIpv4Size);  // unrolled: few headers have options
  if (header > kIpv4Size) sum = checksum_add_plain(sum, p + kIpv4Size, header - kIpv4Size);
  if (checksum_fold(sum) != 0) return Count::drop_bad_ip;
  uint16_t flags = read16(p + 6);
  read_address<Family::kV4>(p + 12, out.source.ip);
  read_address<Family::kV4>(p + 16, out.target.ip);
  out.is_fragment = (flags & 0x3fff) != 0;
  out.fragment = {read16(p + 4), (flags & 0x1fffU) * 8U, (flags & 0x2000) != 0};
  out.ip_payload = kEthernetSize + header;
  out.ip_payload_size = total - header;
  return byte_at(p + 9) == kProtocolUdp ? kFine : Count::drop_not_udp;
}

Count read_ipv6(std::string_view ip, NetInfo& out) {
  if (ip.size() < kIpv6Size) return Count::drop_bad_ip;
  const char* p = ip.data();
  uint32_t size = read16(p + 4);
  if (byte_at(p) >> 4 != 6 || size > ip.size() - kIpv6Size) return Count::drop_bad_ip;
  uint8_t next = byte_at(p + 6);
  read_address<Family::kV6>(p + 8, out.source.ip);
  read_address<Family::kV6>(p + 24, out.target.ip);
  out.ip_payload = kEthernetSize + kIpv6Size;
  out.ip_payload_size = size;
  if (next == kNextFragment) {
    if (size < kFragmentHeaderSize) return Count::drop_bad_ip;
    const char* f = p + kIpv6Size;
    next = byte_at(f);
    uint16_t word = read16(f + 2);
    out.is_fragment = true;
    out.fragment = {read32(f + 4), word & 0xfff8U, (word & 1) != 0};
    out.ip_payload += kFragmentHeaderSize;
    out.ip_payload_size -= kFragmentHeaderSize;
  }
  return next == kProtocolUdp ? kFine : Count::drop_not_udp;
}

void write_ipv4(char* p, const IpAddress& source, const IpAddress& target, uint32_t payload,
                uint16_t id) {
  std::memset(p, 0, kIpv4Size);
  p[0] = 0x45;
  write16(p + 2, kIpv4Size + payload);
  write16(p + 4, id);
  p[8] = 64;  // TTL
  p[9] = static_cast<char>(kProtocolUdp);
  std::memcpy(p + 12, source.bytes.data(), 4);
  std::memcpy(p + 16, target.bytes.data(), 4);
  uint16_t sum = checksum_fold(checksum_add(0, p, kIpv4Size));
  std::memcpy(p + 10, &sum, 2);
}

void write_ipv6(char* p, const IpAddress& source, const IpAddress& target, uint32_t payload) {
  std::memset(p, 0, 8);
  p[0] = 0x60;
  write16(p + 4, payload);
  p[6] = static_cast<char>(kProtocolUdp);
  p[7] = 64;  // hop limit
  std::memcpy(p + 8, source.bytes.data(), 16);
  std::memcpy(p + 24, target.bytes.data(), 16);
}

void write_udp(char* p, const sipcore::Endpoint& source, const sipcore::Endpoint& target,
               uint32_t size) {
  write16(p, source.port);
  write16(p + 2, target.port);
  write16(p + 4, size);
  write16(p + 6, 0);
  uint16_t sum = udp_checksum(source.ip, target.ip, p, size);
  if (sum == 0) sum = 0xffff;  // RFC 768: zero would mean that there is none
  std::memcpy(p + 6, &sum, 2);
}

Count read_ip(std::string_view frame, NetInfo& out) {
  if (frame.size() < kEthernetSize) return Count::drop_not_ip;
  uint16_t type = read16(frame.data() + 12);
  std::string_view ip = frame.substr(kEthernetSize);
  if (type == kEtherIpv4) return read_ipv4(ip, out);
  if (type == kEtherIpv6) return read_ipv6(ip, out);
  return Count::drop_not_ip;
}

inline Count take_udp(const Packet& packet, NetInfo& out) {
  const char* p = packet.bytes().data() + out.ip_payload;
  if (out.ip_payload_size < kUdpSize) return Count::drop_bad_udp;
  uint32_t size = read16(p + 4);
  if (size < kUdpSize || size > out.ip_payload_size) return Count::drop_bad_udp;
  bool has_checksum = read16(p + 6) != 0;
  // RFC 8200 8.1: over IPv6 a UDP checksum must be there.
  if (!has_checksum && out.source.ip.family == Family::kV6) return Count::drop_bad_udp;
  out.source.port = read16(p);
  out.target.port = read16(p + 2);
  out.payload = out.ip_payload + kUdpSize;
  out.payload_size = size - kUdpSize;
  if (out.source.port == 0 || out.source.ip.unusable_as_target()) return Count::drop_bad_source;
  return kFine;
}

}  // namespace

Count read_headers(const Packet& packet, NetInfo& out) {
  Count fault = read_ip(packet.bytes(), out);
  return fault != kFine || out.is_fragment ? fault : take_udp(packet, out);
}

Count read_udp(const Packet& packet, NetInfo& out) { return take_udp(packet, out); }

bool checksum_fits(const Packet& packet, const NetInfo& info) {
  if (packet.checksum_ok) return true;
  const char* p = packet.bytes().data() + info.payload - kUdpSize;
  if (read16(p + 6) == 0) return true;  // read_udp() lets that pass where it may be so
  return udp_checksum(info.source.ip, info.target.ip, p, info.payload_size + kUdpSize) == 0;
}

uint32_t headers_size(Family family) {
  return kEthernetSize + kUdpSize + (family == Family::kV4 ? kIpv4Size : kIpv6Size);
}

void write_headers(Packet& packet, const sipcore::Endpoint& source, const sipcore::Endpoint& target,
                   const control::link::NextHop& hop, uint16_t id) {
  bool v4 = target.ip.family == Family::kV4;
  uint32_t udp_size = packet.size + kUdpSize;
  uint32_t added = headers_size(target.ip.family);
  packet.begin -= added;
  packet.size += added;
  char* p = packet.data();
  std::memcpy(p, hop.target.data(), 6);
  std::memcpy(p + 6, hop.source.data(), 6);
  write16(p + 12, v4 ? kEtherIpv4 : kEtherIpv6);
  write_udp(p + added - kUdpSize, source, target, udp_size);
  if (v4) {
    write_ipv4(p + kEthernetSize, source.ip, target.ip, udp_size, id);
  } else {
    write_ipv6(p + kEthernetSize, source.ip, target.ip, udp_size);
  }
}

}  // namespace dataplane
