// The way out of a worker: payloads get their headers, wait for a neighbour if they must, are cut
// if they are long, and leave in bursts.
#pragma once

#include <vector>

#include "control/link/counters.h"
#include "control/link/mailbox.h"
#include "control/link/messages.h"
#include "control/link/next_hop.h"
#include "dataplane/core/tap.h"
#include "dataplane/io/port.h"

namespace dataplane {

struct Pools {
  PacketPool* small = nullptr;
  PacketPool* large = nullptr;
};

class Transmit {
 public:
  static constexpr size_t kMostWaiting = 256;  // packets without a neighbour yet
  static constexpr uint64_t kPatienceMs = 2000;

  // `worker` of `workers`: each takes IP identifications that no other takes.
  Transmit(size_t worker, size_t workers, std::vector<Port*> ports, Pools pools,
           control::link::Counters& counters,
           control::link::Mailbox<control::link::ToControl>& to_control, Tap& tap);
  ~Transmit();

  // Once per turn, before anything is sent.
  void begin_turn(const control::link::NextHops* hops, uint64_t now_ms);

  // A packet with room for a payload of `size` bytes; nullptr: none left.
  Packet* take(size_t size);

  // Takes over a packet that holds a payload, to go from one of our addresses to a peer; `kind` is
  // the Sent counter it belongs to. What cannot be sent is counted and released here.
  void send(Packet* packet, const sipcore::Endpoint& from, const sipcore::Endpoint& to,
            control::link::Count kind);

  // Once per turn, after everything was queued.
  void flush();

  const control::link::NextHops* hops() const { return hops_; }
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    Packet* packet;
    sipcore::Endpoint from, to;
    uint64_t until_ms;
  };
  enum class Outcome : uint8_t { kQueued, kNoNeighbour, kFailed };

  Outcome try_send(Packet* packet, const sipcore::Endpoint& from, const sipcore::Endpoint& to);
  Outcome send_whole(Packet* packet, uint16_t port);
  void queue(Packet* packet, uint16_t port);
  void flush(size_t port);
  void retry_waiting();
  uint32_t next_id(sipcore::Family family);

  const uint32_t worker_;
  const uint32_t workers_;
  std::vector<Port*> ports_;
  std::vector<std::vector<Packet*>> queues_;  // by port
  std::vector<Waiting> waiting_;
  std::vector<Packet*> pieces_;
  Pools pools_;
  control::link::Counters& counters_;
  control::link::Mailbox<control::link::ToControl>& to_control_;
  Tap& tap_;
  const control::link::NextHops* hops_ = nullptr;
  const control::link::NextHops* hops_tried_ = nullptr;
  uint64_t now_ms_ = 0;
  uint32_t packets_ = 0;  // sent, for the identification
};

}  // namespace dataplane
