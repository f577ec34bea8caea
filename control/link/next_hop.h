// How to reach an address: what the kernel knows of neighbours and routes, as a snapshot for the
// workers. Control reads it by netlink (or a test writes it) and publishes it whole.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sipcore/grammar/ip.h"

namespace control::link {

using Mac = std::array<uint8_t, 6>;

struct Route {
  sipcore::IpAddress prefix;
  uint8_t bits = 0;
  uint32_t metric = 0;
  sipcore::IpAddress gateway;  // none(): the network is on the link
  uint16_t port = 0;           // index of the packet port
};

struct IpHash {
  size_t operator()(const sipcore::IpAddress& ip) const;
};

// A neighbour is known by the port it is behind: link-local gateways of two ports may be equal.
struct Neighbour {
  sipcore::IpAddress ip;
  uint16_t port = 0;
  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

struct NeighbourHash {
  size_t operator()(const Neighbour& one) const { return IpHash{}(one.ip) + one.port; }
};

using Neighbours = std::unordered_map<Neighbour, Mac, NeighbourHash>;
using Addresses = std::unordered_set<sipcore::IpAddress, IpHash>;

inline constexpr uint16_t kNoPort = 0xffff;

struct NextHop {
  uint16_t port = 0;
  Mac source{};
  Mac target{};
};

// Neighbours to look up for every packet: open addressing in one array, at most half full. Made
// once, then only read.
class NeighbourTable {
 public:
  explicit NeighbourTable(const Neighbours& all);
  const Mac* find(const Neighbour& wanted) const {
    size_t at = home(wanted);
    for (; !cells_[at].neighbour.ip.none(); at = (at + 1) & mask_) {
      if (cells_[at].neighbour == wanted) return &cells_[at].mac;
    }
    return nullptr;
  }

 private:
  struct Cell {
    Neighbour neighbour;  // without address: empty
    Mac mac{};
  };
  size_t home(const Neighbour& one) const {
    size_t hash = NeighbourHash{}(one);
    return hash & mask_;
  }

  std::vector<Cell> cells_;
  size_t mask_;
};

class NextHops {
 public:
  // Routes are sorted here: the longest prefix first, then the lowest metric.
  // `nobody` are addresses that are no peer: this machine's own and the broadcast addresses of its
  // networks.
  NextHops(std::vector<Route> routes, const Neighbours& neighbours, std::vector<Mac> port_macs,
           const Addresses& nobody);

  enum class Found : uint8_t { kYes, kNoRoute, kNoNeighbour };
  // On kNoNeighbour `ask` is the address whose link-layer address is wanted.
  Found find(const sipcore::IpAddress& target, NextHop& out, sipcore::IpAddress& ask) const;
  // The packet port that leads to an address; kNoPort: there is no route.
  uint16_t port_to(const sipcore::IpAddress& target) const;
  bool nobody(const sipcore::IpAddress& ip) const { return nobody_.find({ip, 0}) != nullptr; }

 private:
  // A route with its prefix as words, cleared behind the prefix, and what covers it.
  struct Masked {
    Route route;
    std::array<uint64_t, 2> prefix, mask;
  };
  static Masked masked(const Route& route);
  const Route* route_to(const sipcore::IpAddress& target) const;

  std::vector<Masked> routes_;
  NeighbourTable neighbours_;
  std::vector<Mac> port_macs_;
  NeighbourTable nobody_;
};

}  // namespace control::link
