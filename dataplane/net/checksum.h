// The Internet checksum (RFC 1071): a ones' complement sum of 16-bit words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace dataplane {

// Adds `size` bytes to a sum that is not yet folded to 16 bits. Only the last part added may have
// an odd size. Picks the widest vector code the processor has.
uint64_t checksum_add(uint64_t sum, const char* data, size_t size);

// The plain twin; in line, because headers are short.
inline uint64_t checksum_add_plain(uint64_t sum, const char* data, size_t size) {
  for (; size >= 8; data += 8, size -= 8) {
    uint64_t words;
    std::memcpy(&words, data, 8);
    sum += (words & UINT32_MAX) + (words >> 32);
  }
  if ((size & 4) != 0) {
    uint32_t word;
    std::memcpy(&word, data, 4);
    sum += word;
    data += 4;
  }
  if ((size & 2) != 0) {
    uint16_t word;
    std::memcpy(&word, data, 2);
    sum += word;
    data += 2;
  }
  return (size & 1) != 0 ? sum + static_cast<uint8_t>(*data) : sum;
}

constexpr uint16_t checksum_fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace dataplane
