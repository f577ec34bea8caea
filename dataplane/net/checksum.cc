#include "dataplane/net/checksum.h"

#include <immintrin.h>

namespace dataplane {
namespace {

constexpr size_t kBlock = 32;

// 32-bit words are added up in lanes of 64 bits, which a datagram cannot fill.
[[gnu::target("avx2")]] uint64_t add_avx2(uint64_t sum, const char* data, size_t size) {
  __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
  for (; size >= kBlock; data += kBlock, size -= kBlock) {
    auto* words = reinterpret_cast<const __m128i*>(data);
    even = _mm256_add_epi64(even, _mm256_cvtepu32_epi64(_mm_loadu_si128(words)));
    odd = _mm256_add_epi64(odd, _mm256_cvtepu32_epi64(_mm_loadu_si128(words + 1)));
  }
  alignas(32) uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), _mm256_add_epi64(even, odd));
  return checksum_add_plain(sum + lanes[0] + lanes[1] + lanes[2] + lanes[3], data, size);
}

using Add = uint64_t (*)(uint64_t, const char*, size_t);
const Add kBestAdd = __builtin_cpu_supports("avx2") ? add_avx2 : checksum_add_plain;

}  // namespace

uint64_t checksum_add(uint64_t sum, const char* data, size_t size) {
  return size < kBlock ? checksum_add_plain(sum, data, size) : kBestAdd(sum, data, size);
}

}  // namespace dataplane
