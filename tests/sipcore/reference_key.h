// The key of SipHash's own test vectors (Aumasson and Bernstein, appendix A).
#pragma once

#include "sipcore/hash/siphash.h"

namespace sipcore {

inline constexpr HashKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

}  // namespace sipcore
