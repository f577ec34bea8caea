#include "sipcore/grammar/header_name.h"

#include <array>
#include <cstring>

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
  size_t first = static_cast<uint8_t>(lower(text.front()));
  size_t last = static_cast<uint8_t>(lower(text.back()));
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

// No other byte becomes a letter by this, and no byte but CR, which no name holds, becomes "-".
template <class Word>
Word lower_word(const char* text) {
  Word word;
  std::memcpy(&word, text, sizeof word);
  return static_cast<Word>(word | static_cast<Word>(0x2020202020202020));
}

// Equal without regard to case; `size` is that of both. Two words that may overlap cover up to
// twice their size, a third what is longer.
template <class Word>
bool equal_words(const char* text, const char* lower_name, size_t size) {
  auto differs = [&](size_t at) {
    Word word;
    std::memcpy(&word, lower_name + at, sizeof word);
    return lower_word<Word>(text + at) ^ word;
  };
  Word middle = size > 2 * sizeof(Word) ? differs(sizeof(Word)) : Word{0};
  return (differs(0) | middle | differs(size - sizeof(Word))) == 0;
}

bool is_name(std::string_view text, size_t candidate) {
  const char* name = kLowerNames[candidate].data();
  if (text.size() != kNames[candidate].spelling.size()) return false;
  if (text.size() >= 8) return equal_words<uint64_t>(text.data(), name, text.size());
  if (text.size() >= 4) return equal_words<uint32_t>(text.data(), name, text.size());
  return text.size() >= 2 && equal_words<uint16_t>(text.data(), name, text.size());
}
static_assert(!kSlotTable.clash, "two header names share a slot: choose other multipliers");

}  // namespace

HeaderName header_name(std::string_view text) {
  if (text.empty()) return HeaderName::kOther;
  if (text.size() == 1) {
    uint8_t letter = static_cast<uint8_t>(lower(text.front()));
    return letter < 128 ? static_cast<HeaderName>(kSlotTable.compact[letter]) : HeaderName::kOther;
  }
  uint8_t candidate = kSlotTable.name[slot_of(text)];
  return is_name(text, candidate) ? static_cast<HeaderName>(candidate) : HeaderName::kOther;
}

std::string_view spelling(HeaderName name) { return kNames[static_cast<size_t>(name)].spelling; }

bool single_valued(HeaderName name) { return kNames[static_cast<size_t>(name)].single; }

}  // namespace sipcore
