// The places that one call takes up besides that of its destination: one of its group, and some of
// rules that limit it. Whoever holds them gives them back.
#pragma once

#include <array>
#include <cstdint>

#include "control/link/destinations.h"

namespace dataplane {

struct Places {
  static constexpr uint16_t kNone = control::link::kNoDestination;

  // Slots in control::link::Destinations; the first one is that of the group.
  std::array<uint16_t, 8> slots = {kNone, kNone, kNone, kNone, kNone, kNone, kNone, kNone};

  uint16_t& group() { return slots[0]; }
  uint16_t group() const { return slots[0]; }
  // False: no call has places of more than seven rules.
  bool add(uint16_t slot) {
    for (size_t i = 1; i < slots.size(); ++i) {
      if (slots[i] != kNone) continue;
      slots[i] = slot;
      return true;
    }
    return false;
  }
  void give_back(control::link::Destinations& destinations) {
    for (uint16_t& slot : slots) {
      if (slot != kNone) destinations.at(slot).give_call_back();
      slot = kNone;
    }
  }
};

}  // namespace dataplane
