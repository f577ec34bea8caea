// Where the load generator's messages go, and what comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace load {

using Ip = uint32_t;  // in host order

constexpr Ip make_ip(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return static_cast<Ip>(a) << 24 | static_cast<Ip>(b) << 16 | static_cast<Ip>(c) << 8 | d;
}

inline constexpr Ip kCaller = make_ip(198, 18, 0, 110);
inline constexpr Ip kCallee = make_ip(198, 18, 0, 121);
inline constexpr Ip kServer = make_ip(198, 18, 0, 1);
inline constexpr uint16_t kSipPort = 5060;

// A datagram that came in: for the caller or for the callee.
struct Datagram {
  bool to_caller = false;
  std::string_view payload;  // valid until more is received
};

class Outlet {
 public:
  static constexpr uint16_t kBurst = 64;
  static constexpr size_t kRoom = 2000;  // bytes of a payload

  virtual ~Outlet() = default;
  // Room for the payload of the next datagram; nullptr: there is none. commit() then sends it.
  virtual char* begin() = 0;
  // `fragment`: as the first part of a datagram (RFC 791).
  virtual void commit(size_t size, Ip from, bool fragment = false) = 0;
};

}  // namespace load
