// What the kernel knows about reaching addresses: routes of the main table and neighbours, read and
// watched by netlink (libmnl). Control thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/link/next_hop.h"

struct mnl_socket;
struct nlmsghdr;

namespace control::kernel {

struct PortInterface {
  std::string name;  // kernel interface of the port
  link::Mac mac{};
};

class Netlink {
 public:
  // On failure `error` holds a sentence.
  Netlink(std::vector<PortInterface> ports, std::string& error);
  ~Netlink();

  int descriptor() const;
  // Reads what has come; true: something that matters has changed.
  bool read_changes();
  // Everything afresh. Interfaces that are not ports of ours do not appear.
  std::unique_ptr<const link::NextHops> snapshot();
  // Makes the kernel find out the link-layer address, as it would for a packet of its own.
  void resolve(const sipcore::IpAddress& address);

 private:
  struct Tables {
    std::vector<link::Route> routes;
    std::unordered_map<sipcore::IpAddress, link::Mac, link::IpHash> neighbours;
  };
  void dump(uint16_t type, Tables& tables);
  void take_route(const nlmsghdr* message, Tables& tables) const;
  void take_neighbour(const nlmsghdr* message, Tables& tables) const;
  int port_of(uint32_t interface_index) const;

  std::vector<PortInterface> ports_;
  std::vector<uint32_t> indexes_;
  mnl_socket* watch_ = nullptr;
  mnl_socket* ask_ = nullptr;
  uint32_t sequence_ = 0;
};

}  // namespace control::kernel
