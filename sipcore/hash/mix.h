// A strong mix of two 64-bit words (the finaliser of SplitMix64), for what is a keyed hash already.
#pragma once

#include <cstdint>

namespace sipcore {

constexpr uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t x = a + b * 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

}  // namespace sipcore
