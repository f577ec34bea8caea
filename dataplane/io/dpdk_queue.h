// Queues of a DPDK device as the port of one worker. For the dpdk_* files only.
#pragma once

#include <vector>

#include "control/link/mailbox.h"
#include "dataplane/io/dpdk_packet.h"
#include "dataplane/io/port.h"

namespace dataplane {

// Packets of a worker without a queue, on their way to the worker that has one.
using Relay = control::link::Mailbox<Packet*>;

// For the worker that polls these queues; it sends by the first of them.
class QueuePort : public Port {
 public:
  // `trust`: the peer's UDP checksums are taken for good (a veth leaves them unfinished).
  QueuePort(uint16_t device, std::vector<uint16_t> queues, uint32_t mtu, bool trust,
            MbufPool& pool);
  ~QueuePort() override;

  size_t receive(Packet** packets, size_t most) override;
  size_t send(Packet** packets, size_t count) override;
  uint32_t mtu() const override { return mtu_; }
  void add_relay(Relay* relay) { relays_.push_back(relay); }

 private:
  size_t receive_from(uint16_t queue, Packet** packets, size_t most);
  void send_relayed();
  bool peer_gone() const;

  uint16_t device_;
  std::vector<uint16_t> queues_;
  size_t next_ = 0;  // of queues_, so that a busy one does not starve the others
  uint32_t mtu_;
  bool trust_;
  bool peer_may_go_;
  MbufPool& pool_;
  std::vector<Relay*> relays_;
  std::vector<Packet*> relayed_;  // taken from a relay, not yet by the device
};

// For a worker without a queue of its own: what it receives comes by steering.
class RelayPort : public Port {
 public:
  RelayPort(Relay& relay, uint32_t mtu) : relay_(relay), mtu_(mtu) {}
  size_t receive(Packet**, size_t) override { return 0; }
  size_t send(Packet** packets, size_t count) override;
  uint32_t mtu() const override { return mtu_; }

 private:
  Relay& relay_;
  uint32_t mtu_;
};

}  // namespace dataplane
