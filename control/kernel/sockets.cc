#include "control/kernel/sockets.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace control::kernel {
namespace {

bool refuse_everything(int socket) {
  sock_filter nothing[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  sock_fprog program{1, nothing};
  return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

constexpr uint8_t kIcmpUnreachable = 3;
constexpr uint8_t kIcmpv6Unreachable = 1;
constexpr uint8_t kFragmentationNeeded = 4;  // a code of IPv4: the path is there, but narrow

}  // namespace

socklen_t socket_address(const sipcore::Endpoint& endpoint, sockaddr_storage& out) {
  out = {};
  if (endpoint.ip.family == sipcore::Family::kV4) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    std::memcpy(&v4->sin_addr, endpoint.ip.bytes.data(), 4);
    return sizeof *v4;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(endpoint.port);
  std::memcpy(&v6->sin6_addr, endpoint.ip.bytes.data(), 16);
  return sizeof *v6;
}

std::string SilentSockets::open(std::span<const Address> listens) {
  for (const auto& [listen, may_come_later] : listens) {
    sockaddr_storage address;
    socklen_t size = socket_address(listen, address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) sockets_.push_back(fd);
    int yes = 1;
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (may_come_later) {
      setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof yes);
      setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &yes, sizeof yes);
    }
    if (fd < 0 || !refuse_everything(fd) ||
        bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) {
      return "listen address " + sipcore::to_string(listen) + " cannot be taken (" +
             std::strerror(errno) +
             "): is it an address of this machine, and is no other program " + "on that port?";
    }
  }
  return {};
}

SilentSockets::~SilentSockets() {
  for (int fd : sockets_) close(fd);
}

std::string IcmpSockets::open() {
  for (auto [family, protocol] :
       {std::pair{AF_INET, int{IPPROTO_ICMP}}, std::pair{AF_INET6, int{IPPROTO_ICMPV6}}}) {
    int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0 && errno == EAFNOSUPPORT) continue;
    if (fd < 0)
      return std::string("no raw socket for ICMP (needs CAP_NET_RAW): ") + strerror(errno);
    sockets_.push_back(fd);
  }
  return {};
}

IcmpSockets::~IcmpSockets() {
  for (int fd : sockets_) close(fd);
}

std::optional<sipcore::BranchToken> quoted_branch(std::string_view packet, sipcore::Family family,
                                                  const sipcore::HashKey& key) {
  auto byte = [&](size_t at) { return static_cast<uint8_t>(packet[at]); };
  size_t icmp = 0;
  if (family == sipcore::Family::kV4) {
    if (packet.size() < 20) return std::nullopt;
    icmp = size_t{4} * (byte(0) & 15);
  }
  if (packet.size() < icmp + 8) return std::nullopt;
  bool unreachable = family == sipcore::Family::kV4
                         ? byte(icmp) == kIcmpUnreachable && byte(icmp + 1) != kFragmentationNeeded
                         : byte(icmp) == kIcmpv6Unreachable;
  if (!unreachable) return std::nullopt;
  std::string_view quoted = packet.substr(icmp + 8);
  // The quote may be cut anywhere, so the branch is looked for and checked, not parsed for.
  size_t at = quoted.find("z9hG4bKt");
  sipcore::BranchToken token;
  if (at == std::string_view::npos) return std::nullopt;
  auto status = sipcore::read_branch(key, quoted.substr(at, sipcore::kBranchSize), token);
  if (status != sipcore::TokenStatus::kOk) return std::nullopt;
  return token;
}

}  // namespace control::kernel
