#include "sipcore/hash/siphash.h"

#include <bit>
#include <cstring>

namespace sipcore {

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

SipHash::SipHash(const HashKey& key, bool wide)
    : v0_(key.low ^ 0x736f6d6570736575),
      v1_(key.high ^ 0x646f72616e646f6d ^ (wide ? 0xeeU : 0U)),
      v2_(key.low ^ 0x6c7967656e657261),
      v3_(key.high ^ 0x7465646279746573) {}

inline void SipHash::round() {
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

inline void SipHash::compress(uint64_t word) {
  v3_ ^= word;
  round();
  round();
  v0_ ^= word;
}

SipHash& SipHash::add_byte(uint8_t byte) {
  pending_ |= static_cast<uint64_t>(byte) << (8 * (size_ % 8));
  if (++size_ % 8 == 0) {
    compress(pending_);
    pending_ = 0;
  }
  return *this;
}

SipHash& SipHash::add(std::string_view bytes) {
  while (!bytes.empty() && size_ % 8 != 0) {
    add_byte(static_cast<uint8_t>(bytes.front()));
    bytes.remove_prefix(1);
  }
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    compress(word);
    size_ += 8;
  }
  for (char c : bytes) add_byte(static_cast<uint8_t>(c));
  return *this;
}

void SipHash::close() { compress(pending_ | size_ << 56); }

uint64_t SipHash::squeeze(int rounds) {
  for (int i = 0; i < rounds; ++i) round();
  return v0_ ^ v1_ ^ v2_ ^ v3_;
}

uint64_t SipHash::finish() {
  close();
  v2_ ^= 0xff;
  return squeeze(4);
}

Hash128 SipHash::finish_wide() {
  close();
  v2_ ^= 0xee;
  Hash128 out;
  out.low = squeeze(4);
  v1_ ^= 0xdd;
  out.high = squeeze(4);
  return out;
}

uint64_t siphash(const HashKey& key, std::string_view bytes) {
  return SipHash(key).add(bytes).finish();
}

}  // namespace sipcore
