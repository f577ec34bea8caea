#include "sipcore/grammar/header_name.h"

#include <immintrin.h>

#include <array>

#include "sipcore/grammar/chars.h"

namespace sipcore {
namespace {

struct Entry {
  std::string_view spelling;
  char compact;  // '\0': none
  bool single;
};

constexpr std::array<Entry, kHeaderNames> kNames = {{
    {"", '\0', false},
    {"Authorization", '\0', false},
    {"Call-ID", 'i', true},
    {"Contact", 'm', false},
    {"Content-Encoding", 'e', false},
    {"Content-Length", 'l', true},
    {"Content-Type", 'c', true},
    {"CSeq", '\0', true},
    {"Event", 'o', true},
    {"Expires", '\0', true},
    {"From", 'f', true},
    {"Max-Forwards", '\0', true},
    {"Min-Expires", '\0', true},
    {"Path", '\0', false},
    {"Proxy-Authenticate", '\0', false},
    {"Proxy-Authorization", '\0', false},
    {"Proxy-Require", '\0', false},
    {"RAck", '\0', true},
    {"Reason", '\0', false},
    {"Record-Route", '\0', false},
    {"Refer-To", 'r', true},
    {"Referred-By", 'b', true},
    {"Require", '\0', false},
    {"Retry-After", '\0', true},
    {"Route", '\0', false},
    {"Session-Expires", 'x', true},
    {"Subject", 's', true},
    {"Supported", 'k', false},
    {"Timestamp", '\0', false},
    {"To", 't', true},
    {"User-Agent", '\0', true},
    {"Via", 'v', false},
    {"WWW-Authenticate", '\0', false},
}};

// Length, first and last letter tell the known names apart; one comparison then decides.
constexpr size_t kSlots = 256;
constexpr size_t slot_of(std::string_view text) {
  size_t first = static_cast<uint8_t>(text.front()) | 0x20U;
  size_t last = static_cast<uint8_t>(text.back()) | 0x20U;
  return (text.size() + first * 2 + last * 11) % kSlots;
}

struct Slots {
  std::array<uint8_t, kSlots> name{};
  std::array<uint8_t, 128> compact{};
  bool clash = false;
};

constexpr Slots make_slots() {
  Slots slots;
  for (size_t i = 1; i < kHeaderNames; ++i) {
    uint8_t& slot = slots.name[slot_of(kNames[i].spelling)];
    slots.clash |= slot != 0;
    slot = static_cast<uint8_t>(i);
    if (kNames[i].compact != '\0') {
      slots.compact[static_cast<uint8_t>(kNames[i].compact)] = static_cast<uint8_t>(i);
    }
  }
  return slots;
}

constexpr Slots kSlotTable = make_slots();
static_assert(!kSlotTable.clash, "two header names share a slot: choose other multipliers");

// Names in lower case, with zeros behind.
constexpr size_t kLongest = 24;
using LowerName = std::array<char, kLongest>;
constexpr std::array<LowerName, kHeaderNames> make_lower_names() {
  std::array<LowerName, kHeaderNames> names{};
  for (size_t i = 0; i < kHeaderNames; ++i) {
    for (size_t at = 0; at < kNames[i].spelling.size(); ++at) {
      names[i][at] = lower(kNames[i].spelling[at]);
    }
  }
  return names;
}
constexpr std::array<LowerName, kHeaderNames> kLowerNames = make_lower_names();

constexpr size_t kStep = 16;

// Bytes of `text` that are not those of the name, without regard to case. No other byte becomes a
// letter by this, and no byte but CR, which no name holds, becomes "-".
uint32_t differences(const char* text, const char* lower_name) {
  __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
  __m128i name = _mm_loadu_si128(reinterpret_cast<const __m128i*>(lower_name));
  __m128i equal = _mm_cmpeq_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), name);
  return ~static_cast<uint32_t>(_mm_movemask_epi8(equal));
}

// One comparison where sixteen bytes may be read and the name is no longer; nearly always.
bool is_name(std::string_view text, size_t readable, size_t candidate) {
  const Entry& entry = kNames[candidate];
  if (text.size() != entry.spelling.size()) return false;
  if (readable < kStep || text.size() > kStep) return equal_nocase(text, entry.spelling);
  uint32_t compared = (1U << text.size()) - 1;
  return (differences(text.data(), kLowerNames[candidate].data()) & compared) == 0;
}

}  // namespace

HeaderName header_name(std::string_view text, size_t readable) {
  if (text.empty()) return HeaderName::kOther;
  if (text.size() == 1) {
    uint8_t letter = static_cast<uint8_t>(lower(text.front()));
    return letter < 128 ? static_cast<HeaderName>(kSlotTable.compact[letter]) : HeaderName::kOther;
  }
  uint8_t candidate = kSlotTable.name[slot_of(text)];
  return is_name(text, readable, candidate) ? static_cast<HeaderName>(candidate)
                                            : HeaderName::kOther;
}

std::string_view spelling(HeaderName name) { return kNames[static_cast<size_t>(name)].spelling; }

bool single_valued(HeaderName name) { return kNames[static_cast<size_t>(name)].single; }

}  // namespace sipcore
