// Character classes of the SIP grammar (RFC 3261 25.1), as one table of bit flags.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace sipcore {

enum CharClass : uint16_t {
  kTokenChar = 1,     // token
  kDigitChar = 2,     // DIGIT
  kAlphaChar = 4,     // ALPHA
  kHostChar = 8,      // host names and IPv4; "_" is tolerated because it is seen in real networks
  kUserChar = 16,     // user part: unreserved and user-unreserved, without "%"
  kHexChar = 32,      // HEXDIG
  kParamChar = 64,    // paramchar of a URI parameter, without "%"
  kCallIdChar = 128,  // word and "@", as in Call-ID

  kUriParamsChar = 256,     // all the parameters of a sip or tel URI, without "%"
  kUriHeadersChar = 512,    // the headers of a sip URI, without "%"
  kAbsoluteUriChar = 1024,  // what no URI goes without leaving its place: no blank, no < > "
  kBeforeAngleChar = 2048,  // anything but < > " ;
  kAddrSpecChar = 4096,     // anything but ; , ? and LWS
  kParamValueChar = 8192,   // token or host as the value of a parameter
  kTelChar = 16384,         // the number of a tel URI, without "%"
};

namespace detail {
constexpr std::array<uint16_t, 256> make_char_table() {
  std::array<uint16_t, 256> table{};
  auto add = [&table](std::string_view chars, int flag) {
    for (char c : chars) table[static_cast<uint8_t>(c)] |= static_cast<uint16_t>(flag);
  };
  auto add_all_but = [&table](std::string_view chars, int flag) {
    for (int c = 0; c < 256; ++c) {
      bool left_out = chars.find(static_cast<char>(c)) != std::string_view::npos;
      if (!left_out) table[c] |= static_cast<uint16_t>(flag);
    }
  };
  auto add_class = [&table](int wanted, int flag) {
    for (auto& one : table) {
      if ((one & wanted) != 0) one |= static_cast<uint16_t>(flag);
    }
  };
  for (int c = 0; c < 26; ++c) {
    for (int base : {0x61, 0x41}) {  // a, A
      table[base + c] |= kTokenChar | kAlphaChar | kHostChar | kUserChar | kParamChar | kCallIdChar;
    }
  }
  add("0123456789",
      kTokenChar | kDigitChar | kHostChar | kUserChar | kHexChar | kParamChar | kCallIdChar);
  add("abcdefABCDEF", kHexChar);
  add("-.!%*_+`'~", kTokenChar);
  add("-._", kHostChar);
  add("-_.!~*'()&=+$,;?/", kUserChar);
  add("-_.!~*'()[]/:&+$", kParamChar);
  add("-.!%*_+`'~()<>:\\\"/[]?{}@", kCallIdChar);
  add_class(kParamChar, kUriParamsChar | kUriHeadersChar);
  add(";=,\"", kUriParamsChar);
  add("?;=@,", kUriHeadersChar);
  add_all_but(" \t\r\n<>\"", kAbsoluteUriChar);
  add_all_but("<>\";", kBeforeAngleChar);
  add_all_but(";,? \t\r\n", kAddrSpecChar);
  add_class(kTokenChar, kParamValueChar);
  add("[]:", kParamValueChar);  // a host may be an IPv6 reference, and have a port
  add_class(kUserChar, kTelChar);
  table[';'] &= static_cast<uint16_t>(~kTelChar);
  add("#", kTelChar);
  return table;
}
inline constexpr std::array<uint16_t, 256> kCharTable = make_char_table();
}  // namespace detail

constexpr bool is(char c, CharClass wanted) {
  return (detail::kCharTable[static_cast<uint8_t>(c)] & wanted) != 0;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// Within a header value CR and LF occur only in a fold (the scan has made sure), which is LWS.
constexpr bool is_lws(char c) {
  constexpr uint64_t kLws = 1ULL << ' ' | 1ULL << '\t' | 1ULL << '\r' | 1ULL << '\n';
  return static_cast<uint8_t>(c) <= ' ' && (kLws >> c & 1) != 0;
}

constexpr bool equal_nocase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

namespace detail {
// So many letters in one number, by two loads that may overlap: a number that is put together in
// memory has to wait there before it can be read.
template <size_t kLetters>
uint64_t letters(const char* text) {
  using Part = std::conditional_t<(kLetters >= 4), uint32_t,
                                  std::conditional_t<(kLetters >= 2), uint16_t, uint8_t>>;
  constexpr size_t kSecond = kLetters - sizeof(Part);
  Part first, second;
  std::memcpy(&first, text, sizeof first);
  std::memcpy(&second, text + kSecond, sizeof second);
  return first | uint64_t{second} << 8 * kSecond;
}
}  // namespace detail

// Whether `text` is this word, in any case: 1 to 8 letters, given in lower case. Only an upper case
// letter becomes a lower case one by the bit that is set here.
template <size_t kSize>
bool is_word(std::string_view text, const char (&word)[kSize]) {
  constexpr size_t kLetters = kSize - 1;
  static_assert(kLetters >= 1 && kLetters <= 8);
  if (text.size() != kLetters) return false;
  uint64_t is = detail::letters<kLetters>(text.data());
  return (is | (0x2020202020202020 >> (64 - 8 * kLetters))) == detail::letters<kLetters>(word);
}

constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && is_lws(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_lws(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace sipcore
