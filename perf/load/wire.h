// The packet port of the load generator: frames of IPv4 and UDP in bursts, and just enough ARP to
// be found and to find the server.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "perf/load/outlet.h"

struct rte_arp_hdr;
struct rte_ether_addr;
struct rte_mbuf;
struct rte_mempool;

namespace load {

class Wire : public Outlet {
 public:
  // Starts DPDK on CPU `cpu` with the device, "memif:SOCKET", "af_packet:IF" or "af_xdp:IF"; ends
  // the program with a sentence where that fails.
  Wire(const std::string& device, unsigned cpu);
  ~Wire() override;

  // Asks for the server's link-layer address until it comes. False: `seconds` are over.
  bool find_server(unsigned seconds);

  // What came in; ARP is answered on the way.
  const std::vector<Datagram>& receive();

  char* begin() override;
  void commit(size_t size, Ip from, bool fragment) override;
  void flush();

  uint64_t refused() const { return refused_; }  // datagrams that the ring did not take

 private:
  void answer_arp(const char* frame, size_t size);
  void ask_for_server();
  void send_arp(const rte_ether_addr& to, rte_arp_hdr& arp);  // with our own address as sender's
  void write_ether(char* frame, const uint8_t* to, uint16_t type) const;
  void read(rte_mbuf* mbuf);

  uint16_t port_ = 0;
  rte_mempool* pool_ = nullptr;
  std::array<uint8_t, 6> own_mac_{};
  std::array<uint8_t, 6> server_mac_{};
  bool server_known_ = false;
  uint16_t id_ = 0;
  rte_mbuf* next_ = nullptr;
  std::vector<rte_mbuf*> received_;
  std::vector<rte_mbuf*> to_send_;
  std::vector<Datagram> datagrams_;
  uint64_t refused_ = 0;
};

}  // namespace load
