#include "control/link/next_hop.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace control::link {
namespace {

using Words = std::array<uint64_t, 2>;

Words words_of(const sipcore::IpAddress& ip) {
  Words words;
  std::memcpy(words.data(), ip.bytes.data(), sizeof words);
  return words;
}

Neighbours without_mac(const Addresses& addresses) {
  Neighbours out;
  for (const sipcore::IpAddress& ip : addresses) out[{ip, 0}] = {};
  return out;
}

}  // namespace

size_t IpHash::operator()(const sipcore::IpAddress& ip) const {
  Words words = words_of(ip);
  uint64_t product = (words[0] * 0x9e3779b97f4a7c15 ^ words[1]) * 0xff51afd7ed558ccd;
  return product ^ product >> 32;  // tables use the low bits, what tells addresses apart is high
}

NeighbourTable::NeighbourTable(const Neighbours& all)
    : cells_(std::bit_ceil(2 * all.size() + 1)), mask_(cells_.size() - 1) {
  for (const auto& [neighbour, mac] : all) {
    size_t at = home(neighbour);
    while (!cells_[at].neighbour.ip.none()) at = (at + 1) & mask_;
    cells_[at] = {neighbour, mac};
  }
}

NextHops::Masked NextHops::masked(const Route& route) {
  sipcore::IpAddress mask;
  for (size_t bit = 0; bit < route.bits && bit < 128; ++bit) {
    mask.bytes[bit / 8] |= static_cast<uint8_t>(0x80 >> bit % 8);
  }
  Masked out{route, words_of(route.prefix), words_of(mask)};
  for (size_t i = 0; i < 2; ++i) out.prefix[i] &= out.mask[i];
  return out;
}

NextHops::NextHops(std::vector<Route> routes, const Neighbours& neighbours,
                   std::vector<Mac> port_macs, const Addresses& nobody)
    : neighbours_(neighbours), port_macs_(std::move(port_macs)), nobody_(without_mac(nobody)) {
  std::stable_sort(routes.begin(), routes.end(), [](const Route& a, const Route& b) {
    return a.bits != b.bits ? a.bits > b.bits : a.metric < b.metric;
  });
  for (const Route& route : routes) routes_.push_back(masked(route));
}

const Route* NextHops::route_to(const sipcore::IpAddress& target) const {
  Words words = words_of(target);
  for (const Masked& one : routes_) {
    uint64_t differs =
        ((words[0] & one.mask[0]) ^ one.prefix[0]) | ((words[1] & one.mask[1]) ^ one.prefix[1]);
    if (differs == 0 && one.route.prefix.family == target.family) return &one.route;
  }
  return nullptr;
}

uint16_t NextHops::port_to(const sipcore::IpAddress& target) const {
  const Route* route = route_to(target);
  return route == nullptr ? kNoPort : route->port;
}

NextHops::Found NextHops::find(const sipcore::IpAddress& target, NextHop& out,
                               sipcore::IpAddress& ask) const {
  const Route* route = route_to(target);
  if (route == nullptr || route->port >= port_macs_.size()) return Found::kNoRoute;
  ask = route->gateway.none() ? target : route->gateway;
  const Mac* mac = neighbours_.find({ask, route->port});
  if (mac == nullptr) return Found::kNoNeighbour;
  out = {route->port, port_macs_[route->port], *mac};
  return Found::kYes;
}

}  // namespace control::link
