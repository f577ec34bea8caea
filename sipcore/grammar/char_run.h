// How far characters of one class go on: sixteen at a time, without a branch for each.
//
// A byte is in a class if bit (high nibble) of low[low nibble] is set: two table look-ups for
// sixteen bytes (Lemire and Langdale's classification). Nothing outside of the text is read: its
// last bytes are loaded together with those before them.
#pragma once

#include <immintrin.h>

#include <bit>
#include <string_view>

#include "sipcore/grammar/chars.h"

namespace sipcore {

namespace detail {

struct alignas(16) Nibbles {
  std::array<uint8_t, 16> low{};
  std::array<uint8_t, 16> high{};
};

// Bytes from 0x80 on are in a class all or none.
constexpr Nibbles make_nibbles(uint16_t wanted) {
  Nibbles out;
  for (size_t c = 0; c < 128; ++c) {
    if (kCharTable[c] & wanted) out.low[c & 15] |= static_cast<uint8_t>(1U << (c >> 4));
  }
  for (size_t high = 0; high < 16; ++high) {
    bool all = (kCharTable[0x80] & wanted) != 0;
    out.high[high] = static_cast<uint8_t>(high < 8 ? 1U << high : all ? 0xff : 0);
  }
  return out;
}

constexpr size_t kCharClasses = 16;
constexpr std::array<Nibbles, kCharClasses> make_nibble_tables() {
  std::array<Nibbles, kCharClasses> tables;
  for (size_t i = 0; i < kCharClasses; ++i)
    tables[i] = make_nibbles(static_cast<uint16_t>(1U << i));
  return tables;
}
inline constexpr std::array<Nibbles, kCharClasses> kNibbles = make_nibble_tables();

// A bit for each of sixteen bytes that is not in the class.
inline uint32_t outsiders(const char* bytes, const Nibbles& nibbles) {
  const __m128i low_half = _mm_set1_epi8(15);
  __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  __m128i low = _mm_load_si128(reinterpret_cast<const __m128i*>(nibbles.low.data()));
  __m128i high = _mm_load_si128(reinterpret_cast<const __m128i*>(nibbles.high.data()));
  __m128i by_low = _mm_shuffle_epi8(low, _mm_and_si128(text, low_half));
  __m128i by_high = _mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi16(text, 4), low_half));
  __m128i none = _mm_cmpeq_epi8(_mm_and_si128(by_low, by_high), _mm_setzero_si128());
  return static_cast<uint32_t>(_mm_movemask_epi8(none));
}

// The first position from `at` on that is marked, or text.size(): marks(p) gives a bit for each of
// sixteen bytes, mark(c) is the same for one, where the text is shorter.
template <class Marks, class Mark>
size_t first_of(std::string_view text, size_t at, Marks marks, Mark mark) {
  constexpr size_t kStep = 16;
  if (text.size() < kStep) {
    while (at < text.size() && !mark(text[at])) ++at;
    return at;
  }
  for (; text.size() - at >= kStep; at += kStep) {
    uint32_t found = marks(text.data() + at);
    if (found != 0) return at + static_cast<size_t>(std::countr_zero(found));
  }
  size_t last = text.size() - kStep;
  uint32_t found = marks(text.data() + last) >> (at - last);
  return found != 0 ? at + static_cast<size_t>(std::countr_zero(found)) : text.size();
}

}  // namespace detail

// The plain twin of run_end().
constexpr size_t run_end_plain(std::string_view text, size_t at, CharClass wanted) {
  while (at < text.size() && is(text[at], wanted)) ++at;
  return at;
}

// The first position from `at` on whose character is not of the class, or text.size().
inline size_t run_end(std::string_view text, size_t at, CharClass wanted) {
  const detail::Nibbles& nibbles = detail::kNibbles[std::countr_zero<uint16_t>(wanted)];
  return detail::first_of(
      text, at, [&](const char* bytes) { return detail::outsiders(bytes, nibbles); },
      [&](char c) { return !is(c, wanted); });
}

// The first position from `at` on of one character, or text.size(). In line, unlike memchr: what is
// looked for is mostly near.
inline size_t find_char(std::string_view text, size_t at, char wanted) {
  const __m128i sought = _mm_set1_epi8(wanted);
  return detail::first_of(
      text, at,
      [&](const char* bytes) {
        __m128i equal =
            _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)), sought);
        return static_cast<uint32_t>(_mm_movemask_epi8(equal));
      },
      [&](char c) { return c == wanted; });
}

// The first position from `at` on of one of two characters, or text.size().
inline size_t find_either(std::string_view text, size_t at, char one, char other) {
  const __m128i first = _mm_set1_epi8(one), second = _mm_set1_epi8(other);
  return detail::first_of(
      text, at,
      [&](const char* bytes) {
        __m128i loaded = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
        __m128i equal = _mm_or_si128(_mm_cmpeq_epi8(loaded, first), _mm_cmpeq_epi8(loaded, second));
        return static_cast<uint32_t>(_mm_movemask_epi8(equal));
      },
      [&](char c) { return c == one || c == other; });
}

// RFC 3261 7.5: empty lines before the start line are ignored.
inline std::string_view skip_empty_lines(std::string_view text) {
  while (text.starts_with("\r\n")) text.remove_prefix(2);
  return text;
}

inline constexpr size_t kMarks = 64;

inline bool all_of(std::string_view text, CharClass wanted) {
  return !text.empty() && run_end(text, 0, wanted) == text.size();
}

// The same where `readable` bytes from the begin of `text` on are ours to read, which may be more
// than its own: one step for a short text.
inline bool all_of(std::string_view text, size_t readable, CharClass wanted) {
  if (text.size() >= 16 || readable < 16) return all_of(text, wanted);
  const detail::Nibbles& nibbles = detail::kNibbles[std::countr_zero<uint16_t>(wanted)];
  uint32_t checked = (1U << text.size()) - 1;
  return !text.empty() && (detail::outsiders(text.data(), nibbles) & checked) == 0;
}

}  // namespace sipcore
