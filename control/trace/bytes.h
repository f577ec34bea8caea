// Pieces of packets that are written for others: capture files and HEP.
#pragma once

#include <cstdint>
#include <string>

#include "sipcore/grammar/ip.h"

namespace control::trace {

inline std::string big_endian(uint64_t value, size_t size) {
  std::string out;
  for (size_t i = size; i-- > 0;) out += static_cast<char>(value >> 8 * i & 0xff);
  return out;
}

inline std::string bytes_of(const sipcore::IpAddress& ip) {
  return {reinterpret_cast<const char*>(ip.bytes.data()), ip.size()};
}

}  // namespace control::trace
