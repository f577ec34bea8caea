#include "control/trace/pcap.h"

#include "control/trace/bytes.h"

namespace control::trace {
namespace {

constexpr uint32_t kLinkRaw = 101;
constexpr uint8_t kUdp = 17, kHops = 64;
constexpr size_t kUdpHeader = 8;

std::string little_endian(uint64_t value, size_t size) {
  std::string out;
  for (size_t i = 0; i < size; ++i) out += static_cast<char>(value >> 8 * i & 0xff);
  return out;
}

// RFC 1071.
uint16_t checksum(const std::string& bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += uint64_t{static_cast<uint8_t>(bytes[i])} << (i % 2 == 0 ? 8 : 0);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

std::string ip_header(const sipcore::IpAddress& from, const sipcore::IpAddress& to, size_t udp) {
  std::string ends = bytes_of(from) + bytes_of(to);
  if (from.family == sipcore::Family::kV6) {
    return big_endian(0x60000000, 4) + big_endian(udp, 2) + big_endian(kUdp, 1) +
           big_endian(kHops, 1) + ends;
  }
  std::string begin = big_endian(0x4500, 2) + big_endian(20 + udp, 2) + big_endian(0, 4) +
                      big_endian(kHops, 1) + big_endian(kUdp, 1);
  return begin + big_endian(checksum(begin + ends), 2) + ends;
}

}  // namespace

std::string pcap_head() {
  return little_endian(0xa1b2c3d4, 4) + little_endian(2, 2) + little_endian(4, 2) +
         little_endian(0, 8) + little_endian(65535 + 128, 4) + little_endian(kLinkRaw, 4);
}

std::string pcap_packet(uint64_t date_us, const sipcore::Endpoint& from,
                        const sipcore::Endpoint& to, std::string_view payload) {
  size_t size = kUdpHeader + payload.size();
  std::string ports = big_endian(from.port, 2) + big_endian(to.port, 2) + big_endian(size, 2);
  std::string pseudo =
      bytes_of(from.ip) + bytes_of(to.ip) + big_endian(kUdp, 2) + big_endian(size, 2);
  uint16_t sum = checksum(pseudo + ports + big_endian(0, 2) + std::string(payload));
  std::string packet = ip_header(from.ip, to.ip, size) + ports +
                       big_endian(sum == 0 ? 0xffff : sum, 2) + std::string(payload);
  return little_endian(date_us / 1000000, 4) + little_endian(date_us % 1000000, 4) +
         little_endian(packet.size(), 4) + little_endian(packet.size(), 4) + packet;
}

}  // namespace control::trace
