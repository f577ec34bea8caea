#include "control/link/networks.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <set>
#include <string>

namespace control::link {

using sipcore::Family;
using sipcore::IpAddress;

Network network_of(const IpAddress& ip, uint8_t bits) {
  Network out{ip, bits};
  for (size_t i = 0; i < out.ip.bytes.size(); ++i) {
    size_t before = i * 8;
    if (before >= bits) {
      out.ip.bytes[i] = 0;
    } else if (before + 8 > bits) {
      out.ip.bytes[i] = static_cast<uint8_t>(out.ip.bytes[i] & 0xff << (before + 8 - bits));
    }
  }
  return out;
}

namespace {
uint8_t whole(Family family) { return family == Family::kV4 ? 32 : 128; }
}  // namespace

Network network_of(const IpAddress& ip) { return {ip, whole(ip.family)}; }

Network site_of(const IpAddress& ip) {
  constexpr uint8_t kSiteBits = 64;
  return ip.family == Family::kV6 ? network_of(ip, kSiteBits) : network_of(ip);
}

std::optional<Network> parse_network(std::string_view text) {
  size_t slash = std::min(text.find('/'), text.size());
  auto ip = sipcore::parse_ip(text.substr(0, slash));
  if (!ip) return std::nullopt;
  uint8_t most = whole(ip->family), bits = most;
  if (slash < text.size()) {
    std::string_view digits = text.substr(slash + 1);
    auto end = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return std::nullopt;
  }
  if (bits > most) return std::nullopt;
  return network_of(*ip, bits);
}

std::string to_string(const Network& network) {
  char text[sipcore::kIpTextMost + 8];
  std::string out(sipcore::format_ip(network.ip, text));
  if (out.front() == '[') out = out.substr(1, out.size() - 2);
  return network.bits == whole(network.ip.family) ? out : out + "/" + std::to_string(network.bits);
}

Networks::Networks(std::span<const Network> all, const sipcore::HashKey& key) : key_(key) {
  if (all.empty()) return;
  cells_.resize(std::bit_ceil(all.size() * 2 + 1));
  std::set<uint8_t> v4, v6;
  for (const Network& one : all) {
    (one.ip.family == Family::kV4 ? v4 : v6).insert(one.bits);
    uint64_t wanted = hash(one);
    size_t at = wanted & (cells_.size() - 1);
    while (cells_[at] != 0 && cells_[at] != wanted) at = (at + 1) & (cells_.size() - 1);
    cells_[at] = wanted;
  }
  lengths_v4_.assign(v4.begin(), v4.end());
  lengths_v6_.assign(v6.begin(), v6.end());
}

uint64_t Networks::hash(const Network& network) const {
  sipcore::SipHash hash(key_);
  hash.add({reinterpret_cast<const char*>(network.ip.bytes.data()), network.ip.size()});
  return std::max<uint64_t>(hash.add_byte(network.bits).finish(), 1);
}

bool Networks::has(uint64_t wanted) const {
  size_t mask = cells_.size() - 1;
  for (size_t at = wanted & mask; cells_[at] != 0; at = (at + 1) & mask) {
    if (cells_[at] == wanted) return true;
  }
  return false;
}

bool Networks::contains(const IpAddress& ip) const {
  if (cells_.empty()) return false;
  for (uint8_t bits : ip.family == Family::kV4 ? lengths_v4_ : lengths_v6_) {
    if (has(hash(network_of(ip, bits)))) return true;
  }
  return false;
}

}  // namespace control::link
