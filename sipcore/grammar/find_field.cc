#include "sipcore/grammar/find_field.h"

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "sipcore/grammar/char_run.h"

namespace sipcore {
namespace {

constexpr size_t kMostTried = 256;  // lines: the parser takes no more
constexpr char kCaseBit = 0x20;
constexpr char kCrWithCaseBit = '\r' | kCaseBit;  // that of a "-", which is looked at again

// A bit for each of the 64 bytes from `p` on that may begin a line which is sought: the byte before
// it is LF. One before `p` is read as well.
using LineMarks = uint64_t (*)(const char* p, char letter, char other);

uint64_t marks_sse(const char* p, char letter, char other) {
  uint64_t marks = 0;
  for (size_t i = 0; i < kMarks; i += 16) {
    auto load = [&](size_t at) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + at));
    };
    __m128i before = _mm_cmpeq_epi8(load(i - 1), _mm_set1_epi8('\n'));
    __m128i lower = _mm_or_si128(load(i), _mm_set1_epi8(kCaseBit));
    __m128i either = _mm_or_si128(_mm_cmpeq_epi8(lower, _mm_set1_epi8(letter)),
                                  _mm_cmpeq_epi8(lower, _mm_set1_epi8(other)));
    __m128i any = _mm_or_si128(either, _mm_cmpeq_epi8(lower, _mm_set1_epi8(kCrWithCaseBit)));
    auto found = static_cast<uint16_t>(_mm_movemask_epi8(_mm_and_si128(before, any)));
    marks |= uint64_t{found} << i;
  }
  return marks;
}

[[gnu::target("avx2,bmi,bmi2")]] uint64_t marks_avx2(const char* p, char letter, char other) {
  uint64_t marks = 0;
  for (size_t i = 0; i < kMarks; i += 32) {
    __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i));
    __m256i previous = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i - 1));
    __m256i before = _mm256_cmpeq_epi8(previous, _mm256_set1_epi8('\n'));
    __m256i lower = _mm256_or_si256(text, _mm256_set1_epi8(kCaseBit));
    __m256i either = _mm256_or_si256(_mm256_cmpeq_epi8(lower, _mm256_set1_epi8(letter)),
                                     _mm256_cmpeq_epi8(lower, _mm256_set1_epi8(other)));
    __m256i any =
        _mm256_or_si256(either, _mm256_cmpeq_epi8(lower, _mm256_set1_epi8(kCrWithCaseBit)));
    auto found = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_and_si256(before, any)));
    marks |= uint64_t{found} << i;
  }
  return marks;
}

[[gnu::target("avx512bw,bmi,bmi2")]] uint64_t marks_avx512(const char* p, char letter, char other) {
  __m512i lower = _mm512_or_si512(_mm512_loadu_si512(p), _mm512_set1_epi8(kCaseBit));
  uint64_t any = _mm512_cmpeq_epi8_mask(lower, _mm512_set1_epi8(letter)) |
                 _mm512_cmpeq_epi8_mask(lower, _mm512_set1_epi8(other)) |
                 _mm512_cmpeq_epi8_mask(lower, _mm512_set1_epi8(kCrWithCaseBit));
  return any & _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p - 1), _mm512_set1_epi8('\n'));
}

bool is_sought(char c, char letter, char other) {
  return c == '\r' || lower(c) == letter || lower(c) == other;
}

template <LineMarks kMarksOf>
[[gnu::always_inline]] inline size_t find_line_with(std::string_view text, size_t at, char letter,
                                                    char other) {
  char tail[1 + kMarks];
  while (at < text.size()) {
    const char* p = text.data() + at;
    size_t left = text.size() - at;
    if (left < kMarks) {  // nothing is read past the datagram
      std::memset(tail, 0, sizeof tail);
      std::memcpy(tail, p - 1, left + 1);
      p = tail + 1;
    }
    for (uint64_t marks = kMarksOf(p, letter, other); marks != 0; marks &= marks - 1) {
      size_t found = at + static_cast<size_t>(std::countr_zero(marks));
      if (is_sought(text[found], letter, other)) return found;
    }
    at += kMarks;
  }
  return text.size();
}

// Behind the blanks and the colon that follow a name; 0: they do not.
inline size_t behind_colon(std::string_view line, size_t at) {
  while (at < line.size() && is_blank(line[at])) ++at;
  return at < line.size() && line[at] == ':' ? at + 1 : 0;
}

// Behind the colon, if the field that begins here has this name; 0: it has not.
[[gnu::always_inline]] inline size_t behind_name(std::string_view line, const FieldName& name) {
  size_t same = 0, most = std::min(line.size(), name.text.size());
  while (same < most && lower(line[same]) == name.text[same]) ++same;
  if (same == name.text.size()) return behind_colon(line, same);
  return lower(line.front()) == name.compact ? behind_colon(line, 1) : 0;
}

template <LineMarks kMarksOf>
[[gnu::always_inline]] inline std::string_view find_field_with(std::string_view message,
                                                               const FieldName& name) {
  message = skip_empty_lines(message);
  size_t at = 1;
  for (size_t tried = 0; at < message.size() && tried < kMostTried; ++at, ++tried) {
    at = find_line_with<kMarksOf>(message, at, name.text.front(), name.compact);
    if (at == message.size() || message[at] == '\r') return {};
    std::string_view line = message.substr(at);
    if (size_t begin = behind_name(line, name)) return line.substr(begin);
  }
  return {};
}

std::string_view find_field_sse(std::string_view message, const FieldName& name) {
  return find_field_with<marks_sse>(message, name);
}
[[gnu::target("avx2,bmi,bmi2")]] std::string_view find_field_avx2(std::string_view message,
                                                                  const FieldName& name) {
  return find_field_with<marks_avx2>(message, name);
}
[[gnu::target("avx512bw,bmi,bmi2")]] std::string_view find_field_avx512(std::string_view message,
                                                                        const FieldName& name) {
  return find_field_with<marks_avx512>(message, name);
}

constexpr FindField kWays[] = {find_field_sse, find_field_avx2, find_field_avx512};

// Processors from before VBMI2 slow down for 64 bytes at a time.
size_t count_ways() {
  return __builtin_cpu_supports("avx512vbmi2") ? 3 : __builtin_cpu_supports("avx2") ? 2 : 1;
}
const FindField kBestFindField = kWays[count_ways() - 1];

}  // namespace

std::span<const FindField> ways_to_find_field() { return {kWays, count_ways()}; }

std::string_view find_field_plain(std::string_view message, const FieldName& name) {
  message = skip_empty_lines(message);
  for (size_t tried = 0; tried < kMostTried;) {
    size_t end = message.find('\n');
    if (end == std::string_view::npos) return {};
    message.remove_prefix(end + 1);
    if (message.empty() || message.front() == '\r') return {};
    if (!is_sought(message.front(), name.text.front(), name.compact)) continue;
    if (size_t begin = behind_name(message, name)) return message.substr(begin);
    ++tried;
  }
  return {};
}

std::string_view find_field(std::string_view message, const FieldName& name) {
  return kBestFindField(message, name);
}

std::string_view whole_value(std::string_view rest) {
  size_t end = find_char(rest, 0, '\n');
  while (continues(rest, end)) end = find_char(rest, end + 1, '\n');
  return rest.substr(0, end);
}

}  // namespace sipcore
