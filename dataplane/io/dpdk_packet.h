// Pools of packets in DPDK memory. For the dpdk_* files only.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/core/packet.h"

namespace dataplane {

inline Packet* packet_of(rte_mbuf* mbuf) { return static_cast<Packet*>(rte_mbuf_to_priv(mbuf)); }

inline rte_mbuf* mbuf_of(Packet* packet) {
  return reinterpret_cast<rte_mbuf*>(reinterpret_cast<char*>(packet) - sizeof(rte_mbuf));
}

// Packets that ports read and write: mbufs with `room` bytes behind the headroom.
class MbufPool : public PacketPool {
 public:
  MbufPool(const char* name, size_t packets, size_t room);
  Packet* take() override;
  void give(Packet* packet) override { rte_pktmbuf_free(mbuf_of(packet)); }
  // What a receive burst brought, as a packet.
  Packet* adopt(rte_mbuf* mbuf);
  rte_mempool* raw() { return pool_; }

 private:
  rte_mempool* pool_;
};

// The most bytes an mbuf can have: its length fields are 16 bits, headroom included.
inline constexpr size_t kMostMbuf = UINT16_MAX - kHeadroom;

// Large packets, longer than an mbuf can be. They never reach a port as they are.
class LargePool : public PacketPool {
 public:
  explicit LargePool(size_t packets);
  Packet* take() override;
  void give(Packet* packet) override { rte_mempool_put(pool_, packet); }
  rte_mempool* raw() { return pool_; }

 private:
  rte_mempool* pool_;
};

}  // namespace dataplane
