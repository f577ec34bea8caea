// SipHash-2-4 (Aumasson and Bernstein): the keyed hash for everything whose input a peer chooses.
// Without the key nobody can make two inputs collide, or forge a check value.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sipcore {

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

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
  explicit SipHash(const HashKey& key, bool wide = false)
      : v0_(key.low ^ 0x736f6d6570736575),
        v1_(key.high ^ 0x646f72616e646f6d ^ (wide ? 0xeeU : 0U)),
        v2_(key.low ^ 0x6c7967656e657261),
        v3_(key.high ^ 0x7465646279746573) {}

  SipHash& add_byte(uint8_t byte) { return add_word(byte, 1); }

  SipHash& add(std::string_view bytes) {
    const char* at = bytes.data();
    size_t left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      add_word(word, 8);
    }
    return left == 0 ? *this : add_word(tail(at, left), left);
  }

  // The low `bytes` bytes of `word`, 1 to 8; those above are zero.
  SipHash& add_word(uint64_t word, size_t bytes) {
    size_t held = size_ % 8;
    size_ += bytes;
    pending_ |= word << (8 * held);
    if (held + bytes < 8) return *this;
    compress(pending_);
    pending_ = held == 0 ? 0 : word >> (8 * (8 - held));
    return *this;
  }

  uint64_t finish() {  // of a SipHash that is not wide
    close();
    v2_ ^= 0xff;
    return squeeze();
  }

  Hash128 finish_wide() {  // of a wide one
    close();
    v2_ ^= 0xee;
    Hash128 out;
    out.low = squeeze();
    v1_ ^= 0xdd;
    out.high = squeeze();
    return out;
  }

 private:
  // 1 to 7 bytes as a word, without a byte read behind them.
  static uint64_t tail(const char* at, size_t size) {
    uint64_t word = 0;
    if (size >= 4) {
      uint32_t low, high;
      std::memcpy(&low, at, 4);
      std::memcpy(&high, at + size - 4, 4);
      return low | static_cast<uint64_t>(high) << (8 * (size - 4));
    }
    for (size_t i = 0; i < size; ++i) {
      word |= static_cast<uint64_t>(static_cast<uint8_t>(at[i])) << (8 * i);
    }
    return word;
  }

  void round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  void compress(uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }

  void close() { compress(pending_ | size_ << 56); }

  uint64_t squeeze() {
    for (int i = 0; i < 4; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t pending_ = 0;
  uint64_t size_ = 0;
};

inline uint64_t siphash(const HashKey& key, std::string_view bytes) {
  return SipHash(key).add(bytes).finish();
}

}  // namespace sipcore
