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

}  // namespace dataplane
