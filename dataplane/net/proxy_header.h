// The header that a balancer before us puts in front of each datagram to say from whom it is:
// HAProxy's PROXY protocol, version 2, in its binary form.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sipcore/grammar/ip.h"

namespace dataplane {

struct ProxyHeader {
  bool for_another = false;  // else the balancer speaks for itself
  sipcore::Endpoint source;  // who has sent the rest; none: it does not say
  uint32_t size = 0;         // bytes before what the source has sent
};

// At the begin of a UDP payload. nullopt: there is none, it is cut off, or not for UDP, or names
// nobody who could have sent something.
std::optional<ProxyHeader> read_proxy_header(std::string_view payload);

}  // namespace dataplane
