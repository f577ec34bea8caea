#include "control/kernel/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace control::kernel {
namespace {

using sipcore::Family;
using sipcore::IpAddress;

constexpr uint16_t kUsable =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

IpAddress address_of(const nlattr* attribute, int family) {
  IpAddress ip;
  ip.family = family == AF_INET ? Family::kV4 : Family::kV6;
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < ip.size()) return ip;
  std::memcpy(ip.bytes.data(), mnl_attr_get_payload(attribute), ip.size());
  return ip;
}

template <size_t kMost>
std::array<const nlattr*, kMost + 1> attributes(const nlmsghdr* message, size_t header) {
  std::array<const nlattr*, kMost + 1> out{};
  auto* tail = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
  auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, header));
  for (; mnl_attr_ok(attribute, static_cast<int>(tail - reinterpret_cast<const char*>(attribute)));
       attribute = mnl_attr_next(attribute)) {
    if (mnl_attr_get_type(attribute) <= kMost) out[mnl_attr_get_type(attribute)] = attribute;
  }
  return out;
}

mnl_socket* open_socket(unsigned groups, std::string& error) {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr || mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
    error = std::string("netlink cannot be opened: ") + std::strerror(errno);
  }
  return socket;
}

}  // namespace

Netlink::Netlink(std::vector<PortInterface> ports, std::string& error) : ports_(std::move(ports)) {
  for (const PortInterface& port : ports_) indexes_.push_back(if_nametoindex(port.name.c_str()));
  watch_ = open_socket(RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_LINK, error);
  ask_ = open_socket(0, error);
}

Netlink::~Netlink() {
  if (watch_ != nullptr) mnl_socket_close(watch_);
  if (ask_ != nullptr) mnl_socket_close(ask_);
}

int Netlink::descriptor() const { return mnl_socket_get_fd(watch_); }

bool Netlink::read_changes() {
  std::array<char, 32768> buffer;
  bool changed = false;
  // The socket is shared with nobody; a message lost to a full buffer shows as an error and counts
  // as a change, because everything is then read again.
  while (true) {
    ssize_t size = recv(descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0) return changed || errno == ENOBUFS;
    changed = true;
  }
}

int Netlink::port_of(uint32_t interface_index) const {
  for (size_t i = 0; i < indexes_.size(); ++i) {
    if (indexes_[i] != 0 && indexes_[i] == interface_index) return static_cast<int>(i);
  }
  return -1;
}

void Netlink::take_route(const nlmsghdr* message, Tables& tables) const {
  auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  if (route->rtm_table != RT_TABLE_MAIN || route->rtm_type != RTN_UNICAST) return;
  auto has = attributes<RTA_MAX>(message, sizeof *route);
  int port = has[RTA_OIF] == nullptr ? -1 : port_of(mnl_attr_get_u32(has[RTA_OIF]));
  if (port < 0) return;
  link::Route out;
  out.prefix = address_of(has[RTA_DST], route->rtm_family);
  out.bits = route->rtm_dst_len;
  out.metric = has[RTA_PRIORITY] == nullptr ? 0 : mnl_attr_get_u32(has[RTA_PRIORITY]);
  if (has[RTA_GATEWAY] != nullptr) out.gateway = address_of(has[RTA_GATEWAY], route->rtm_family);
  out.port = static_cast<uint16_t>(port);
  tables.routes.push_back(out);
}

void Netlink::take_neighbour(const nlmsghdr* message, Tables& tables) const {
  auto* neighbour = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  if ((neighbour->ndm_state & kUsable) == 0) return;
  if (port_of(static_cast<uint32_t>(neighbour->ndm_ifindex)) < 0) return;
  auto has = attributes<NDA_MAX>(message, sizeof *neighbour);
  if (has[NDA_DST] == nullptr || has[NDA_LLADDR] == nullptr) return;
  if (mnl_attr_get_payload_len(has[NDA_LLADDR]) != 6) return;
  link::Mac mac;
  std::memcpy(mac.data(), mnl_attr_get_payload(has[NDA_LLADDR]), 6);
  tables.neighbours[address_of(has[NDA_DST], neighbour->ndm_family)] = mac;
}

void Netlink::dump(uint16_t type, Tables& tables) {
  std::array<char, 65536> buffer{};
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = type;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = ++sequence_;
  auto* header = static_cast<rtgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ndmsg)));
  header->rtgen_family = AF_UNSPEC;
  if (mnl_socket_sendto(ask_, request, request->nlmsg_len) < 0) return;
  while (true) {
    ssize_t size = mnl_socket_recvfrom(ask_, buffer.data(), buffer.size());
    if (size <= 0) return;
    int left = static_cast<int>(size);
    auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) return;
      if (message->nlmsg_type == RTM_NEWROUTE) take_route(message, tables);
      if (message->nlmsg_type == RTM_NEWNEIGH) take_neighbour(message, tables);
    }
  }
}

std::unique_ptr<const link::NextHops> Netlink::snapshot() {
  Tables tables;
  dump(RTM_GETROUTE, tables);
  dump(RTM_GETNEIGH, tables);
  std::vector<link::Mac> macs;
  for (const PortInterface& port : ports_) macs.push_back(port.mac);
  return std::make_unique<link::NextHops>(std::move(tables.routes), std::move(tables.neighbours),
                                          std::move(macs));
}

void Netlink::resolve(const sipcore::IpAddress& address) {
  for (uint32_t index : indexes_) {
    if (index == 0) continue;
    std::array<char, 256> buffer{};
    nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_NEWNEIGH;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
    request->nlmsg_seq = ++sequence_;
    auto* neighbour = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ndmsg)));
    neighbour->ndm_family = address.family == Family::kV4 ? AF_INET : AF_INET6;
    neighbour->ndm_ifindex = static_cast<int>(index);
    neighbour->ndm_flags = NTF_USE;  // look it up as if a packet were waiting
    mnl_attr_put(request, NDA_DST, address.size(), address.bytes.data());
    mnl_socket_sendto(ask_, request, request->nlmsg_len);
  }
}

}  // namespace control::kernel
