// A packet port as a worker sees it: bursts in, bursts out.
#pragma once

#include <cstddef>

#include "dataplane/core/packet.h"

namespace dataplane {

inline constexpr size_t kBurst = 32;
inline constexpr uint32_t kMostMtu = kSmallPacket - 64;

class Port {
 public:
  virtual ~Port() = default;
  // Fills at most `most` packets, which the caller then owns; returns how many.
  virtual size_t receive(Packet** packets, size_t most) = 0;
  // Takes the first n packets, which the port then owns, and returns n; the rest stay the caller's.
  virtual size_t send(Packet** packets, size_t count) = 0;
  // Largest Ethernet payload, at most kMostMtu; what is longer is sent in fragments.
  virtual uint32_t mtu() const = 0;
};

// Sends what the port takes, in bursts, and releases the rest; the number sent.
inline size_t send_all(Port& port, Packet** packets, size_t count) {
  size_t sent = 0;
  while (sent < count) {
    size_t taken = port.send(packets + sent, count - sent);
    if (taken == 0) break;
    sent += taken;
  }
  for (size_t i = sent; i < count; ++i) release(packets[i]);
  return sent;
}

}  // namespace dataplane
