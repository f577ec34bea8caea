#include "dataplane/io/memory_port.h"

#include <algorithm>

#include "sipcore/check.h"

namespace dataplane {

MemoryPool::MemoryPool(size_t packets, uint32_t size, bool poisons, bool shared)
    : poisons_(poisons),
      shared_(shared),
      memory_(packets * (size + kHeadroom), poisons ? kPoison : '\0'),
      packets_(packets) {
  for (size_t i = 0; i < packets; ++i) {
    packets_[i].buffer = memory_.at(i * (size + kHeadroom));
    packets_[i].capacity = size + kHeadroom;
    packets_[i].home = this;
    free_.push_back(&packets_[i]);
  }
}

Packet* MemoryPool::take() {
  auto held = lock();
  if (free_.empty()) return nullptr;
  Packet* packet = free_.back();
  free_.pop_back();
  packet->begin = kHeadroom;
  packet->size = 0;
  packet->checksum_ok = false;
  return packet;
}

void MemoryPool::give(Packet* packet) {
  auto held = lock();
  CHECK(packet->home == this && free_.size() < packets_.size());
  if (poisons_) std::fill_n(packet->buffer, packet->capacity, kPoison);
  free_.push_back(packet);
}

size_t MemoryPool::available() const {
  auto held = lock();
  return free_.size();
}

size_t MemoryPort::receive(Packet** packets, size_t most) {
  size_t count = 0;
  for (; count < most && !to_worker.empty(); ++count) {
    packets[count] = to_worker.front();
    __builtin_prefetch(packets[count]);  // a driver has just written what a packet is
    to_worker.pop_front();
  }
  return count;
}

size_t MemoryPort::send(Packet** packets, size_t count) {
  size_t taken = 0;
  for (; taken < count && from_worker.size() < refuse_after; ++taken) {
    from_worker.push_back(packets[taken]);
  }
  return taken;
}

}  // namespace dataplane
