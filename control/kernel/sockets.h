// Sockets beside the packet ports: one that keeps the kernel quiet about our UDP ports, one that
// hears which of our requests could not be delivered.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sipcore/build/token.h"

namespace control::kernel {

// An endpoint as system calls want it; the size of what is in `out`.
socklen_t socket_address(const sipcore::Endpoint& endpoint, sockaddr_storage& out);

// Holds the listen addresses with UDP sockets that accept nothing, so that the kernel, which may
// see a copy of our packets, does not answer them with port unreachable and gives the port to
// nobody.
class SilentSockets {
 public:
  struct Address {
    sipcore::Endpoint endpoint;
    bool may_come_later = false;  // its interface has just been made, and has no addresses yet
  };
  // A sentence when an address is not this machine's or is taken; empty: done.
  std::string open(std::span<const Address> listens);
  ~SilentSockets();

 private:
  std::vector<int> sockets_;
};

// ICMP and ICMPv6 errors that the kernel received.
class IcmpSockets {
 public:
  std::string open();
  ~IcmpSockets();
  std::span<const int> descriptors() const { return sockets_; }

 private:
  std::vector<int> sockets_;
};

// The branch token of the request that an ICMP error message quotes, if the error says that the
// target cannot be reached and the quoted request is ours. `packet` is what the raw socket gave:
// for IPv4 with the IP header, for IPv6 without.
std::optional<sipcore::BranchToken> quoted_branch(std::string_view packet, sipcore::Family family,
                                                  const sipcore::HashKey& key);

}  // namespace control::kernel
