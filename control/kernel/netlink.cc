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

// Not NUD_NOARP: those are group addresses and interfaces without link-layer addresses.
constexpr uint16_t kUsable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
constexpr uint8_t kGroupMac = 1;       // bit of the first byte: broadcast or multicast
constexpr timeval kPatience = {1, 0};  // with the kernel's answer to a dump

IpAddress address_of(const nlattr* attribute, int family) {
  IpAddress ip;
  ip.family = family == AF_INET ? Family::kV4 : Family::kV6;
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < ip.size()) return ip;
  std::memcpy(ip.bytes.data(), mnl_attr_get_payload(attribute), ip.size());
  return ip;
}

template <size_t kMost>
std::array<const nlattr*, kMost + 1> attributes(const char* begin, const char* tail) {
  std::array<const nlattr*, kMost + 1> out{};
  auto* attribute = reinterpret_cast<const nlattr*>(begin);
  for (; mnl_attr_ok(attribute, static_cast<int>(tail - reinterpret_cast<const char*>(attribute)));
       attribute = mnl_attr_next(attribute)) {
    if (mnl_attr_get_type(attribute) <= kMost) out[mnl_attr_get_type(attribute)] = attribute;
  }
  return out;
}

template <size_t kMost>
std::array<const nlattr*, kMost + 1> attributes(const nlmsghdr* message, size_t header) {
  return attributes<kMost>(static_cast<const char*>(mnl_nlmsg_get_payload_offset(message, header)),
                           static_cast<const char*>(mnl_nlmsg_get_payload_tail(message)));
}

// The gateway of a route: by RTA_GATEWAY, or of the other family by RTA_VIA.
IpAddress gateway_of(const nlattr* gateway, const nlattr* via, int family) {
  if (gateway != nullptr) return address_of(gateway, family);
  if (via == nullptr || mnl_attr_get_payload_len(via) < sizeof(rtvia)) return {};
  auto* other = static_cast<const rtvia*>(mnl_attr_get_payload(via));
  IpAddress ip;
  ip.family = other->rtvia_family == AF_INET ? Family::kV4 : Family::kV6;
  if (mnl_attr_get_payload_len(via) < sizeof(rtvia) + ip.size()) return {};
  std::memcpy(ip.bytes.data(), other->rtvia_addr, ip.size());
  return ip;
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
  dump_ = open_socket(0, error);
  if (!error.empty()) return;
  setsockopt(mnl_socket_get_fd(dump_), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
}

Netlink::~Netlink() {
  if (watch_ != nullptr) mnl_socket_close(watch_);
  if (ask_ != nullptr) mnl_socket_close(ask_);
  if (dump_ != nullptr) mnl_socket_close(dump_);
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
  auto has = attributes<RTA_MAX>(message, sizeof *route);
  link::Route out;
  out.prefix = address_of(has[RTA_DST], route->rtm_family);
  out.bits = route->rtm_dst_len;
  bool one_address = out.bits == out.prefix.size() * 8;
  if (route->rtm_table == RT_TABLE_LOCAL && one_address) tables.nobody.insert(out.prefix);
  if (route->rtm_table != RT_TABLE_MAIN || route->rtm_type != RTN_UNICAST) return;
  out.metric = has[RTA_PRIORITY] == nullptr ? 0 : mnl_attr_get_u32(has[RTA_PRIORITY]);
  auto add = [&](uint32_t interface_index, const nlattr* gateway, const nlattr* via) {
    int port = port_of(interface_index);
    if (port < 0) return;
    out.gateway = gateway_of(gateway, via, route->rtm_family);
    out.port = static_cast<uint16_t>(port);
    tables.routes.push_back(out);
  };
  if (has[RTA_OIF] != nullptr) {
    add(mnl_attr_get_u32(has[RTA_OIF]), has[RTA_GATEWAY], has[RTA_VIA]);
  }
  if (has[RTA_MULTIPATH] == nullptr) return;
  // Several ways at once: the first of ours is taken, the others stand behind it.
  auto* hop = static_cast<const rtnexthop*>(mnl_attr_get_payload(has[RTA_MULTIPATH]));
  auto left = static_cast<int>(mnl_attr_get_payload_len(has[RTA_MULTIPATH]));
  while (RTNH_OK(hop, left)) {
    auto at = attributes<RTA_MAX>(reinterpret_cast<const char*>(RTNH_DATA(hop)),
                                  reinterpret_cast<const char*>(hop) + hop->rtnh_len);
    add(static_cast<uint32_t>(hop->rtnh_ifindex), at[RTA_GATEWAY], at[RTA_VIA]);
    left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len));
    hop = RTNH_NEXT(hop);
  }
}

void Netlink::take_neighbour(const nlmsghdr* message, Tables& tables) const {
  auto* neighbour = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  int port = port_of(static_cast<uint32_t>(neighbour->ndm_ifindex));
  if (port < 0 || (neighbour->ndm_state & kUsable) == 0) return;
  auto has = attributes<NDA_MAX>(message, sizeof *neighbour);
  if (has[NDA_DST] == nullptr || has[NDA_LLADDR] == nullptr) return;
  if (mnl_attr_get_payload_len(has[NDA_LLADDR]) != 6) return;
  link::Mac mac;
  std::memcpy(mac.data(), mnl_attr_get_payload(has[NDA_LLADDR]), 6);
  if ((mac[0] & kGroupMac) != 0) return;
  IpAddress ip = address_of(has[NDA_DST], neighbour->ndm_family);
  tables.neighbours[{ip, static_cast<uint16_t>(port)}] = mac;
  if ((neighbour->ndm_state & NUD_STALE) != 0) tables.stale.push_back(ip);
}

void Netlink::take(const nlmsghdr* message, Tables& tables) const {
  if (message->nlmsg_type == RTM_NEWROUTE) take_route(message, tables);
  if (message->nlmsg_type == RTM_NEWNEIGH) take_neighbour(message, tables);
}

// False: what is in `tables` now is not the whole.
bool Netlink::dump(uint16_t type, Tables& tables) {
  std::array<char, 65536> buffer{};
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = type;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = ++sequence_;
  auto* header = static_cast<rtgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ndmsg)));
  header->rtgen_family = AF_UNSPEC;
  if (mnl_socket_sendto(dump_, request, request->nlmsg_len) < 0) return false;
  bool consistent = true;
  while (true) {
    ssize_t size = mnl_socket_recvfrom(dump_, buffer.data(), buffer.size());
    if (size <= 0) return false;
    int left = static_cast<int>(size);
    auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != sequence_) continue;  // of a dump that was given up
      if (message->nlmsg_type == NLMSG_ERROR) return false;
      consistent &= (message->nlmsg_flags & NLM_F_DUMP_INTR) == 0;
      if (message->nlmsg_type == NLMSG_DONE) return consistent;
      take(message, tables);
    }
  }
}

std::unique_ptr<const link::NextHops> Netlink::snapshot() {
  Tables tables;
  bool whole = false;
  // What changes while it is read is read again.
  for (int attempt = 0; attempt < 5 && !whole; ++attempt) {
    tables = {};
    whole = dump(RTM_GETROUTE, tables) && dump(RTM_GETNEIGH, tables);
  }
  if (!whole) return nullptr;
  std::vector<link::Mac> macs;
  macs.reserve(ports_.size());
  for (const PortInterface& port : ports_) macs.push_back(port.mac);
  return std::make_unique<link::NextHops>(std::move(tables.routes), std::move(tables.neighbours),
                                          std::move(macs), std::move(tables.nobody));
}

void Netlink::refresh() {
  Tables tables;
  if (!dump(RTM_GETNEIGH, tables)) return;
  for (const IpAddress& ip : tables.stale) use_neighbour(ip);
}

void Netlink::resolve(const sipcore::IpAddress& address) {
  if (asked_.size() < kMostQuestions && asked_.insert(address).second) use_neighbour(address);
}

void Netlink::use_neighbour(const IpAddress& address) {
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
  // Nobody waits for the answers: an error says that the address is not behind this interface, or
  // that the kernel's table is full.
  std::array<char, 8192> answers;
  while (recv(mnl_socket_get_fd(ask_), answers.data(), answers.size(), MSG_DONTWAIT) > 0) continue;
}

}  // namespace control::kernel
