#include "dataplane/io/dpdk_packet.h"

namespace dataplane {

static_assert(RTE_PKTMBUF_HEADROOM == kHeadroom);

namespace {
constexpr unsigned kCache = 128;  // packets each core keeps for itself
}

MbufPool::MbufPool(const char* name, size_t packets, size_t room)
    : pool_(rte_pktmbuf_pool_create(name, static_cast<unsigned>(packets), kCache,
                                    RTE_ALIGN(sizeof(Packet), RTE_MBUF_PRIV_ALIGN),
                                    static_cast<uint16_t>(kHeadroom + room), SOCKET_ID_ANY)) {}

Packet* MbufPool::take() {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  if (mbuf == nullptr) return nullptr;
  Packet* packet = adopt(mbuf);
  packet->size = 0;
  return packet;
}

Packet* MbufPool::adopt(rte_mbuf* mbuf) {
  Packet* packet = packet_of(mbuf);
  packet->buffer = static_cast<char*>(mbuf->buf_addr);
  packet->capacity = mbuf->buf_len;
  packet->begin = mbuf->data_off;
  packet->size = mbuf->data_len;
  packet->checksum_ok = false;
  packet->home = this;
  return packet;
}

LargePool::LargePool(size_t packets)
    : pool_(rte_mempool_create("tandem_large", static_cast<unsigned>(packets),
                               sizeof(Packet) + kHeadroom + kLargePacket, 0, 0, nullptr, nullptr,
                               nullptr, nullptr, SOCKET_ID_ANY, 0)) {}

Packet* LargePool::take() {
  void* memory = nullptr;
  if (rte_mempool_get(pool_, &memory) != 0) return nullptr;
  Packet* packet = new (memory) Packet;
  packet->buffer = reinterpret_cast<char*>(packet + 1);
  packet->capacity = kHeadroom + kLargePacket;
  packet->begin = kHeadroom;
  packet->home = this;
  return packet;
}

}  // namespace dataplane
