#include "dataplane/io/dpdk_queue.h"

#include <rte_ethdev.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace dataplane {
namespace {

bool is_memif(uint16_t device) {
  rte_eth_dev_info info{};
  return rte_eth_dev_info_get(device, &info) == 0 &&
         std::string_view(info.driver_name) == "net_memif";
}

}  // namespace

QueuePort::QueuePort(uint16_t device, std::vector<uint16_t> queues, uint32_t mtu, bool trust,
                     MbufPool& pool)
    : device_(device),
      queues_(std::move(queues)),
      mtu_(mtu),
      trust_(trust),
      peer_may_go_(is_memif(device)),
      pool_(pool) {}

QueuePort::~QueuePort() {
  for (Packet* packet : relayed_) release(packet);
}

size_t QueuePort::receive(Packet** packets, size_t most) {
  send_relayed();
  if (peer_gone()) return 0;
  size_t count = 0;
  for (size_t i = 0; i < queues_.size() && count < most; ++i) {
    next_ = next_ + 1 == queues_.size() ? 0 : next_ + 1;
    count += receive_from(queues_[next_], packets + count, most - count);
  }
  return count;
}

// A jumbo frame that takes several buffers shows only its first one, and falls to the check of the
// IP length.
size_t QueuePort::receive_from(uint16_t queue, Packet** packets, size_t most) {
  rte_mbuf* burst[kBurst];
  uint16_t wanted = static_cast<uint16_t>(std::min(most, kBurst));
  uint16_t count = rte_eth_rx_burst(device_, queue, burst, wanted);
  for (uint16_t i = 0; i < count; ++i) {
    bool good = (burst[i]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    packets[i] = pool_.adopt(burst[i]);
    packets[i]->checksum_ok = trust_ || good;
  }
  return count;
}

// The memif driver looks for the rings before it looks whether there is a peer. It says that the
// link is up when all is there, and that it is down before it takes anything away: who has seen it
// up in this turn finds what he looks for (unmap_wait.h).
bool QueuePort::peer_gone() const {
  if (!peer_may_go_) return false;
  rte_eth_link link{};
  return rte_eth_link_get_nowait(device_, &link) != 0 || link.link_status == RTE_ETH_LINK_DOWN;
}

size_t QueuePort::send(Packet** packets, size_t count) {
  if (peer_gone()) return 0;
  rte_mbuf* burst[kBurst];
  uint16_t some = static_cast<uint16_t>(std::min(count, kBurst));
  for (uint16_t i = 0; i < some; ++i) {
    burst[i] = mbuf_of(packets[i]);
    burst[i]->data_off = static_cast<uint16_t>(packets[i]->begin);
    burst[i]->data_len = static_cast<uint16_t>(packets[i]->size);
    burst[i]->pkt_len = packets[i]->size;
    burst[i]->ol_flags = 0;
  }
  return rte_eth_tx_burst(device_, queues_.front(), burst, some);
}

// The worker that gave them counts them as sent: none is lost here, they wait for the device.
void QueuePort::send_relayed() {
  for (Relay* relay : relays_) {
    Packet* packet = nullptr;
    while (relayed_.size() < kBurst && relay->pop(packet)) relayed_.push_back(packet);
  }
  if (relayed_.empty()) return;
  size_t sent = send(relayed_.data(), relayed_.size());
  relayed_.erase(relayed_.begin(), relayed_.begin() + static_cast<ptrdiff_t>(sent));
}

size_t RelayPort::send(Packet** packets, size_t count) {
  size_t sent = 0;
  while (sent < count && relay_.push(packets[sent])) ++sent;
  return sent;
}

}  // namespace dataplane
