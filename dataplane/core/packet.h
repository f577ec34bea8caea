// One packet: a stretch of bytes in a buffer with room before it. Where the buffer comes from (a
// DPDK mbuf, or plain memory in tests) only its home pool knows.
//
//   buffer          begin                      begin+size       capacity
//   [   headroom   ][Ethernet|IP|UDP|SIP ...   ][   tailroom   ]
#pragma once

#include <cstdint>
#include <string_view>

#include "control/link/next_hop.h"

namespace dataplane {

class PacketPool;

struct Packet {
  char* buffer = nullptr;
  uint32_t capacity = 0;
  uint32_t begin = 0;
  uint32_t size = 0;
  uint16_t port = 0;         // index of the packet port it came in by
  bool checksum_ok = false;  // the port has verified, or vouches for, the UDP checksum
  PacketPool* home = nullptr;

  char* data() { return buffer + begin; }
  std::string_view bytes() const { return {buffer + begin, size}; }
  uint32_t headroom() const { return begin; }
  uint32_t tailroom() const { return capacity - begin - size; }
};

// Exactly one owner at any time: the pool, a port's ring, or the worker that holds the pointer.
class PacketPool {
 public:
  virtual ~PacketPool() = default;
  // A packet with begin = kHeadroom and size 0; nullptr: none left.
  virtual Packet* take() = 0;
  virtual void give(Packet* packet) = 0;
};

inline constexpr uint32_t kHeadroom = 128;
inline constexpr uint32_t kSmallPacket = 2048;         // bytes behind the headroom
inline constexpr uint32_t kLargePacket = 65535 + 128;  // a whole datagram with its headers

inline void release(Packet* packet) { packet->home->give(packet); }

}  // namespace dataplane
