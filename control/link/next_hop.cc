#include "control/link/next_hop.h"

#include <algorithm>
#include <cstring>

namespace control::link {
namespace {

bool matches(const Route& route, const sipcore::IpAddress& target) {
  if (route.prefix.family != target.family) return false;
  size_t whole = route.bits / 8;
  if (std::memcmp(route.prefix.bytes.data(), target.bytes.data(), whole) != 0) return false;
  int rest = route.bits % 8;
  if (rest == 0) return true;
  return (route.prefix.bytes[whole] ^ target.bytes[whole]) >> (8 - rest) == 0;
}

}  // namespace

size_t IpHash::operator()(const sipcore::IpAddress& ip) const {
  uint64_t words[2];
  std::memcpy(words, ip.bytes.data(), sizeof words);
  return (words[0] * 0x9e3779b97f4a7c15 ^ words[1]) * 0xff51afd7ed558ccd >> 7;
}

NextHops::NextHops(std::vector<Route> routes, Neighbours neighbours, std::vector<Mac> port_macs,
                   Addresses nobody)
    : routes_(std::move(routes)),
      neighbours_(std::move(neighbours)),
      port_macs_(std::move(port_macs)),
      nobody_(std::move(nobody)) {
  std::stable_sort(routes_.begin(), routes_.end(), [](const Route& a, const Route& b) {
    return a.bits != b.bits ? a.bits > b.bits : a.metric < b.metric;
  });
}

const Route* NextHops::route_to(const sipcore::IpAddress& target) const {
  for (const Route& route : routes_) {
    if (matches(route, target)) return &route;
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
  auto neighbour = neighbours_.find({ask, route->port});
  if (neighbour == neighbours_.end()) return Found::kNoNeighbour;
  out = {route->port, port_macs_[route->port], neighbour->second};
  return Found::kYes;
}

}  // namespace control::link
