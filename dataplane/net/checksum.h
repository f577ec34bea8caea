// The Internet checksum (RFC 1071): a ones' complement sum of 16-bit words.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dataplane {

// Adds `size` bytes to a sum that is not yet folded to 16 bits. Only the last part added may have
// an odd size. Picks the widest vector code the processor has.
uint64_t checksum_add(uint64_t sum, const char* data, size_t size);

// The plain twin.
uint64_t checksum_add_plain(uint64_t sum, const char* data, size_t size);

constexpr uint16_t checksum_fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace dataplane
