#include "dataplane/core/transmit.h"

#include <cstring>

#include "dataplane/net/fragments.h"

namespace dataplane {

using control::link::Count;
using control::link::NextHop;
using control::link::NextHops;

Transmit::Transmit(size_t worker, size_t workers, std::vector<Port*> ports, Pools pools,
                   control::link::Counters& counters,
                   control::link::Mailbox<control::link::ToControl>& to_control, Tap& tap)
    : worker_(static_cast<uint32_t>(worker)),
      workers_(static_cast<uint32_t>(workers)),
      ports_(std::move(ports)),
      queues_(ports_.size()),
      pools_(pools),
      counters_(counters),
      to_control_(to_control),
      tap_(tap) {
  for (auto& queue : queues_) queue.reserve(4 * kBurst);
  waiting_.reserve(kMostWaiting);
  pieces_.reserve(64);
}

Transmit::~Transmit() {
  for (Waiting& one : waiting_) release(one.packet);
  for (auto& queue : queues_) {
    for (Packet* packet : queue) release(packet);
  }
}

void Transmit::begin_turn(const NextHops* hops, uint64_t now_ms) {
  hops_ = hops;
  now_ms_ = now_ms;
  if (!waiting_.empty()) retry_waiting();
}

// Tries again when control has published something new; gives up when patience is over.
void Transmit::retry_waiting() {
  bool news = hops_ != hops_tried_;
  hops_tried_ = hops_;
  std::erase_if(waiting_, [&](Waiting& one) {
    Outcome outcome = news ? try_send(one.packet, one.from, one.to) : Outcome::kNoNeighbour;
    if (outcome != Outcome::kNoNeighbour) return true;
    if (now_ms_ < one.until_ms) return false;
    counters_.add(Count::tx_no_neighbour);
    release(one.packet);
    return true;
  });
}

// RFC 6864, RFC 8200 4.5: unlike that of any datagram to the same peer that may still be on its
// way, whichever worker sent it.
uint32_t Transmit::next_id(sipcore::Family family) {
  uint32_t numbers = family == sipcore::Family::kV4 ? 0x10000 : UINT32_MAX;
  return packets_++ % (numbers / workers_) * workers_ + worker_;
}

Packet* Transmit::take(size_t size) {
  PacketPool* pool = size <= kSmallPacket ? pools_.small : pools_.large;
  return size <= kLargePacket ? pool->take() : nullptr;
}

void Transmit::send(Packet* packet, const sipcore::Endpoint& from, const sipcore::Endpoint& to,
                    Count kind) {
  counters_.add(kind);
  if (tap_.active()) tap_.note(from, to, packet->bytes());
  if (try_send(packet, from, to) != Outcome::kNoNeighbour) return;
  if (waiting_.size() == kMostWaiting) {
    counters_.add(Count::tx_no_neighbour);
    release(packet);
    return;
  }
  hops_tried_ = hops_;
  waiting_.push_back({packet, from, to, now_ms_ + kPatienceMs});
}

Transmit::Outcome Transmit::try_send(Packet* packet, const sipcore::Endpoint& from,
                                     const sipcore::Endpoint& to) {
  NextHop hop;
  sipcore::IpAddress ask;
  auto found = hops_ == nullptr ? NextHops::Found::kNoRoute : hops_->find(to.ip, hop, ask);
  if (found == NextHops::Found::kNoNeighbour) {
    to_control_.push({.what = control::link::ToControl::What::kAskNeighbour, .address = ask},
                     control::link::Room::kHalf);
    return Outcome::kNoNeighbour;
  }
  if (found == NextHops::Found::kNoRoute) {
    counters_.add(Count::tx_failed);
    release(packet);
    return Outcome::kFailed;
  }
  if (packet->size > most_udp_payload(to.ip.family)) {
    counters_.add(Count::tx_failed);
    release(packet);
    return Outcome::kFailed;
  }
  uint32_t id = next_id(to.ip.family);
  write_headers(*packet, from, to, hop, static_cast<uint16_t>(id));
  uint32_t mtu = ports_[hop.port]->mtu();
  if (packet->size <= mtu + kEthernetSize) return send_whole(packet, hop.port);
  pieces_.clear();
  bool cut_up = cut(*packet, mtu, id, *pools_.small, pieces_);
  if (!cut_up) counters_.add(Count::tx_failed);
  release(packet);
  for (Packet* piece : pieces_) queue(piece, hop.port);
  return cut_up ? Outcome::kQueued : Outcome::kFailed;
}

// A port takes small packets only; one that was put together from fragments may have become short.
Transmit::Outcome Transmit::send_whole(Packet* packet, uint16_t port) {
  if (packet->home != pools_.large) {
    queue(packet, port);
    return Outcome::kQueued;
  }
  Packet* copy = pools_.small->take();
  if (copy == nullptr) counters_.add(Count::tx_failed);
  if (copy != nullptr) {
    std::memcpy(copy->data(), packet->data(), packet->size);
    copy->size = packet->size;
    queue(copy, port);
  }
  release(packet);
  return copy == nullptr ? Outcome::kFailed : Outcome::kQueued;
}

void Transmit::queue(Packet* packet, uint16_t port) {
  if (queues_[port].size() >= 4 * kBurst) flush(port);
  queues_[port].push_back(packet);
}

void Transmit::flush(size_t port) {
  auto& queue = queues_[port];
  size_t sent = send_all(*ports_[port], queue.data(), queue.size());
  counters_.add(Count::packets_out, sent);
  counters_.add(Count::tx_failed, queue.size() - sent);
  queue.clear();
}

void Transmit::flush() {
  for (size_t port = 0; port < queues_.size(); ++port) {
    if (!queues_[port].empty()) flush(port);
  }
}

}  // namespace dataplane
