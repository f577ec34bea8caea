#include "perf/load/wire.h"

#include <rte_arp.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace load {
namespace {

constexpr uint16_t kRing = 16384;
constexpr size_t kHeaders = sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr);
constexpr int kPatience = 200;  // times that a full ring is tried again

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "load: %s: %s\n", what.c_str(), rte_strerror(rte_errno));
  std::exit(1);
}

// The same device arguments as Tandem's, but for the role of a memif; its rings are as long as
// those of network cards can be. In longer ones the buffers would not stay in the cache.
std::string device_argument(const std::string& device) {
  std::string rest = device.substr(device.find(':') + 1);
  if (device.starts_with("memif:")) {
    return "net_memif0,role=client,socket-abstract=no,bsize=2048,rsize=12,socket=" + rest;
  }
  if (device.starts_with("af_packet:")) {
    return "net_af_packet0,iface=" + rest + ",blocksz=65536,framesz=2048,framecnt=16384";
  }
  if (device.starts_with("af_xdp:")) return "net_af_xdp0,iface=" + rest;
  fail(device + " is no device: memif:SOCKET, af_packet:IF or af_xdp:IF");
}

void start_dpdk(const std::string& device, unsigned cpu) {
  std::vector<std::string> arguments = {"load",
                                        "--no-huge",
                                        "-m",
                                        "512",
                                        "--no-pci",
                                        "--no-telemetry",
                                        "--no-shconf",
                                        "--file-prefix=load" + std::to_string(getpid()),
                                        "--log-level=pmd:error",
                                        "--log-level=lib.eal:error",
                                        "-l",
                                        std::to_string(cpu),
                                        "--vdev=" + device_argument(device)};
  std::vector<char*> list;
  for (std::string& one : arguments) list.push_back(one.data());
  if (rte_eal_init(static_cast<int>(list.size()), list.data()) < 0) fail("DPDK does not start");
}

// The bytes of a fresh packet, which is `size` long from now on.
char* frame_of(rte_mbuf* mbuf, size_t size) {
  mbuf->data_len = static_cast<uint16_t>(size);
  mbuf->pkt_len = static_cast<uint32_t>(size);
  return rte_pktmbuf_mtod(mbuf, char*);
}

bool is_ours(Ip ip) { return ip == kCaller || ip == kCallee; }

}  // namespace

Wire::Wire(const std::string& device, unsigned cpu) {
  start_dpdk(device, cpu);
  pool_ = rte_pktmbuf_pool_create("load", 65535, 512, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  if (pool_ == nullptr) fail("no memory for packets");
  rte_eth_conf conf{};
  if (rte_eth_dev_configure(port_, 1, 1, &conf) != 0 ||
      rte_eth_rx_queue_setup(port_, 0, kRing, 0, nullptr, pool_) != 0 ||
      rte_eth_tx_queue_setup(port_, 0, kRing, 0, nullptr) != 0 || rte_eth_dev_start(port_) != 0) {
    fail(device);
  }
  rte_eth_promiscuous_enable(port_);
  rte_ether_addr mac{};
  rte_eth_macaddr_get(port_, &mac);
  std::memcpy(own_mac_.data(), mac.addr_bytes, own_mac_.size());
  received_.reserve(kBurst);
  to_send_.reserve(kBurst);
  datagrams_.reserve(kBurst);
}

Wire::~Wire() {
  rte_eth_dev_stop(port_);
  rte_eth_dev_close(port_);
  rte_eal_cleanup();
}

bool Wire::find_server(unsigned seconds) {
  uint64_t second = rte_get_tsc_hz(), end = rte_rdtsc() + seconds * second, ask = 0;
  while (!server_known_ && rte_rdtsc() < end) {
    if (rte_rdtsc() > ask) ask_for_server();
    if (rte_rdtsc() > ask) ask = rte_rdtsc() + second / 10;
    receive();
    flush();
  }
  return server_known_;
}

const std::vector<Datagram>& Wire::receive() {
  for (rte_mbuf* mbuf : received_) rte_pktmbuf_free(mbuf);
  received_.resize(kBurst);
  received_.resize(rte_eth_rx_burst(port_, 0, received_.data(), kBurst));
  datagrams_.clear();
  for (rte_mbuf* mbuf : received_) read(mbuf);
  return datagrams_;
}

void Wire::read(rte_mbuf* mbuf) {
  const char* frame = rte_pktmbuf_mtod(mbuf, const char*);
  size_t size = rte_pktmbuf_data_len(mbuf);
  auto* ether = reinterpret_cast<const rte_ether_hdr*>(frame);
  if (size >= sizeof *ether && ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP)) {
    answer_arp(frame, size);
    return;
  }
  if (size < kHeaders || ether->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4)) return;
  auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(ether + 1);
  auto* udp = reinterpret_cast<const rte_udp_hdr*>(ip + 1);
  Ip to = rte_be_to_cpu_32(ip->dst_addr);
  bool plain = ip->version_ihl == RTE_IPV4_VHL_DEF && ip->next_proto_id == IPPROTO_UDP;
  size_t length = rte_be_to_cpu_16(udp->dgram_len);
  if (!plain || !is_ours(to) || length < sizeof *udp || length > size - kHeaders + sizeof *udp) {
    return;
  }
  datagrams_.push_back({to == kCaller, {frame + kHeaders, length - sizeof *udp}});
}

void Wire::answer_arp(const char* frame, size_t size) {
  if (size < sizeof(rte_ether_hdr) + sizeof(rte_arp_hdr)) return;
  rte_arp_hdr arp;
  std::memcpy(&arp, frame + sizeof(rte_ether_hdr), sizeof arp);
  if (rte_be_to_cpu_32(arp.arp_data.arp_sip) == kServer) {
    std::memcpy(server_mac_.data(), arp.arp_data.arp_sha.addr_bytes, 6);
    server_known_ = true;
  }
  bool asks = arp.arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST);
  if (!asks || !is_ours(rte_be_to_cpu_32(arp.arp_data.arp_tip))) return;
  rte_arp_ipv4 asked = arp.arp_data;
  arp.arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
  arp.arp_data.arp_sip = asked.arp_tip;
  arp.arp_data.arp_tha = asked.arp_sha;
  arp.arp_data.arp_tip = asked.arp_sip;
  send_arp(asked.arp_sha, arp);
}

void Wire::ask_for_server() {
  rte_arp_hdr arp{};
  arp.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER);
  arp.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4);
  arp.arp_hlen = 6;
  arp.arp_plen = 4;
  arp.arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST);
  arp.arp_data.arp_sip = rte_cpu_to_be_32(kCaller);
  arp.arp_data.arp_tip = rte_cpu_to_be_32(kServer);
  send_arp({{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, arp);
}

void Wire::send_arp(const rte_ether_addr& to, rte_arp_hdr& arp) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  if (mbuf == nullptr) return;
  char* out = frame_of(mbuf, sizeof(rte_ether_hdr) + sizeof arp);
  std::memcpy(arp.arp_data.arp_sha.addr_bytes, own_mac_.data(), 6);
  write_ether(out, to.addr_bytes, RTE_ETHER_TYPE_ARP);
  std::memcpy(out + sizeof(rte_ether_hdr), &arp, sizeof arp);
  to_send_.push_back(mbuf);
}

void Wire::write_ether(char* frame, const uint8_t* to, uint16_t type) const {
  auto* ether = reinterpret_cast<rte_ether_hdr*>(frame);
  std::memcpy(&ether->dst_addr, to, 6);
  std::memcpy(&ether->src_addr, own_mac_.data(), 6);
  ether->ether_type = rte_cpu_to_be_16(type);
}

char* Wire::begin() {
  if (next_ == nullptr) next_ = rte_pktmbuf_alloc(pool_);
  if (next_ == nullptr) ++refused_;
  return next_ == nullptr ? nullptr : rte_pktmbuf_mtod(next_, char*) + kHeaders;
}

void Wire::commit(size_t size, Ip from, bool fragment) {
  char* frame = frame_of(next_, kHeaders + size);
  write_ether(frame, server_mac_.data(), RTE_ETHER_TYPE_IPV4);
  auto* ip = reinterpret_cast<rte_ipv4_hdr*>(frame + sizeof(rte_ether_hdr));
  *ip = {};
  ip->version_ihl = RTE_IPV4_VHL_DEF;
  ip->total_length =
      rte_cpu_to_be_16(static_cast<uint16_t>(kHeaders - sizeof(rte_ether_hdr) + size));
  ip->packet_id = rte_cpu_to_be_16(id_++);
  if (fragment) ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG);
  ip->time_to_live = 64;
  ip->next_proto_id = IPPROTO_UDP;
  ip->src_addr = rte_cpu_to_be_32(from);
  ip->dst_addr = rte_cpu_to_be_32(kServer);
  ip->hdr_checksum = rte_ipv4_cksum(ip);
  auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
  udp->src_port = udp->dst_port = RTE_BE16(kSipPort);
  udp->dgram_len = rte_cpu_to_be_16(static_cast<uint16_t>(sizeof *udp + size));
  udp->dgram_cksum = 0;  // RFC 768: none
  to_send_.push_back(next_);
  next_ = nullptr;
  if (to_send_.size() >= kBurst) flush();
}

void Wire::flush() {
  size_t sent = 0;
  for (int turn = 0; sent < to_send_.size() && turn < kPatience; ++turn) {
    sent += rte_eth_tx_burst(port_, 0, to_send_.data() + sent,
                             static_cast<uint16_t>(to_send_.size() - sent));
  }
  for (size_t i = sent; i < to_send_.size(); ++i) rte_pktmbuf_free(to_send_[i]);
  refused_ += to_send_.size() - sent;
  to_send_.clear();
}

}  // namespace load
