// Lower case hex digits, sixteen at a time: what the tokens are written in.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace sipcore {

inline constexpr size_t kHexDigits = 16;

inline void write_hex(uint64_t value, char out[kHexDigits]) {
  const __m128i digits =
      _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f');
  const __m128i low_half = _mm_set1_epi8(15);
  __m128i bytes = _mm_cvtsi64_si128(static_cast<int64_t>(__builtin_bswap64(value)));
  __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), low_half);
  __m128i nibbles = _mm_unpacklo_epi8(high, _mm_and_si128(bytes, low_half));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(digits, nibbles));
}

// False where one of them is no lower case hex digit.
inline bool read_hex(const char in[kHexDigits], uint64_t& value) {
  __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
  __m128i decimal = _mm_sub_epi8(text, _mm_set1_epi8('0'));
  __m128i letter = _mm_sub_epi8(text, _mm_set1_epi8('a'));
  __m128i is_decimal = _mm_cmpeq_epi8(_mm_min_epu8(decimal, _mm_set1_epi8(9)), decimal);
  __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
  __m128i ten_and_up = _mm_add_epi8(letter, _mm_set1_epi8(10));
  __m128i nibbles =
      _mm_or_si128(_mm_and_si128(is_decimal, decimal), _mm_and_si128(is_letter, ten_and_up));
  __m128i pairs = _mm_maddubs_epi16(nibbles, _mm_set1_epi16(0x0110));
  uint64_t bytes = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_packus_epi16(pairs, pairs)));
  value = __builtin_bswap64(bytes);
  return _mm_movemask_epi8(_mm_or_si128(is_decimal, is_letter)) == 0xffff;
}

}  // namespace sipcore
