#include "sipcore/grammar/header_name.h"

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
static_assert(!kSlotTable.clash, "two header names share a slot: choose other multipliers");

}  // namespace

HeaderName header_name(std::string_view text) {
  if (text.empty()) return HeaderName::kOther;
  if (text.size() == 1) {
    uint8_t letter = static_cast<uint8_t>(lower(text.front()));
    return letter < 128 ? static_cast<HeaderName>(kSlotTable.compact[letter]) : HeaderName::kOther;
  }
  uint8_t candidate = kSlotTable.name[slot_of(text)];
  return equal_nocase(kNames[candidate].spelling, text) ? static_cast<HeaderName>(candidate)
                                                        : HeaderName::kOther;
}

std::string_view spelling(HeaderName name) { return kNames[static_cast<size_t>(name)].spelling; }

bool single_valued(HeaderName name) { return kNames[static_cast<size_t>(name)].single; }

}  // namespace sipcore
