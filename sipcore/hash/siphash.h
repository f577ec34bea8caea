// SipHash-2-4 (Aumasson and Bernstein): the keyed hash for everything whose input a peer chooses.
// Without the key nobody can make two inputs collide, or forge a check value.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sipcore {

struct HashKey {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const HashKey&, const HashKey&) = default;
};

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

// Feed parts in any cut; the result depends on the bytes alone, so put a separator where two
// different splits must not be equal.
class SipHash {
 public:
  explicit SipHash(const HashKey& key, bool wide = false);
  SipHash& add(std::string_view bytes);
  SipHash& add_byte(uint8_t byte);
  uint64_t finish();      // of a SipHash that is not wide
  Hash128 finish_wide();  // of a wide one

 private:
  void round();
  void compress(uint64_t word);
  void close();
  uint64_t squeeze(int rounds);

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t pending_ = 0;
  uint64_t size_ = 0;
};

uint64_t siphash(const HashKey& key, std::string_view bytes);

}  // namespace sipcore
