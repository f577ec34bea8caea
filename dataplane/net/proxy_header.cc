#include "dataplane/net/proxy_header.h"

#include <algorithm>

namespace dataplane {
namespace {

using sipcore::Family;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kFixedSize = 16;
constexpr uint8_t kLocal = 0x20, kProxy = 0x21;  // version 2, and the command
constexpr uint8_t kUnspecified = 0x00, kUdpV4 = 0x12, kUdpV6 = 0x22;

uint16_t number_at(std::string_view text, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(text[at]) << 8 |
                               static_cast<uint8_t>(text[at + 1]));
}

// Addresses of source and target, then their ports.
std::optional<sipcore::Endpoint> read_source(std::string_view addresses, Family family) {
  sipcore::Endpoint out;
  out.ip.family = family;
  size_t size = out.ip.size();
  if (addresses.size() < 2 * size + 4) return std::nullopt;
  std::copy_n(addresses.begin(), size, out.ip.bytes.begin());
  out.port = number_at(addresses, 2 * size);
  // RFC 4291 2.5.5.2: a balancer of both families may write IPv4 like this.
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (family == Family::kV6 && addresses.starts_with(kMapped)) {
    out.ip = {};
    out.ip.family = Family::kV4;
    std::copy_n(addresses.begin() + kMapped.size(), out.ip.size(), out.ip.bytes.begin());
  }
  if (out.port == 0 || out.ip.unusable_as_target()) return std::nullopt;
  return out;
}

}  // namespace

std::optional<ProxyHeader> read_proxy_header(std::string_view payload) {
  if (payload.size() < kFixedSize || !payload.starts_with(kSignature)) return std::nullopt;
  auto command = static_cast<uint8_t>(payload[12]), family = static_cast<uint8_t>(payload[13]);
  size_t more = number_at(payload, 14);
  if (payload.size() - kFixedSize < more) return std::nullopt;
  ProxyHeader out;
  out.size = static_cast<uint32_t>(kFixedSize + more);
  if (command == kLocal) return out;
  out.for_another = command == kProxy;
  if (out.for_another && family == kUnspecified) return out;
  if (!out.for_another || (family != kUdpV4 && family != kUdpV6)) return std::nullopt;
  std::string_view addresses = payload.substr(kFixedSize, more);
  auto source = read_source(addresses, family == kUdpV4 ? Family::kV4 : Family::kV6);
  if (!source) return std::nullopt;
  out.source = *source;
  return out;
}

}  // namespace dataplane
