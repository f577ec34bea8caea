// What the kernel knows about reaching addresses: routes of the main table, neighbours, and from
// the local table the addresses that are no peer; read and watched by netlink (libmnl). Control
// thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
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
  // Everything afresh. Interfaces that are not ports of ours do not appear. nullptr: the kernel was
  // not able to tell; what was known before is still the best there is.
  std::unique_ptr<const link::NextHops> snapshot();
  // Makes the kernel find out the link-layer address, as it would for a packet of its own. Between
  // two calls of allow_questions() an address is asked for once, and kMostQuestions of them at all:
  // whoever invents source addresses must not fill the kernel's table.
  void resolve(const sipcore::IpAddress& address);
  void allow_questions() { asked_.clear(); }
  // The kernel sees none of our packets and lets its neighbours go stale: has it look again.
  void refresh();

 private:
  static constexpr size_t kMostQuestions = 128;

  struct Tables {
    std::vector<link::Route> routes;
    link::Neighbours neighbours;
    link::Addresses nobody;
    std::vector<sipcore::IpAddress> stale;
  };
  bool dump(uint16_t type, Tables& tables);
  void take(const nlmsghdr* message, Tables& tables) const;
  void take_route(const nlmsghdr* message, Tables& tables) const;
  void take_neighbour(const nlmsghdr* message, Tables& tables) const;
  void use_neighbour(const sipcore::IpAddress& address);
  int port_of(uint32_t interface_index) const;

  std::vector<PortInterface> ports_;
  std::vector<uint32_t> indexes_;
  mnl_socket* watch_ = nullptr;
  mnl_socket* ask_ = nullptr;
  mnl_socket* dump_ = nullptr;
  link::Addresses asked_;
  uint32_t sequence_ = 0;
};

}  // namespace control::kernel
