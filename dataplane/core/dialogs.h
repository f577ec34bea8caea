// The calls that are up, of one worker: each holds its place in a destination until it ends, by BYE
// or because it showed no sign of life for too long. A place for a call is reserved when its INVITE
// is accepted, so that a 2xx never finds the table full.
//
// Calls last for hours and almost none of them expires, so they have no timers: the table is gone
// through from end to end every ten seconds, a little each millisecond.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "control/link/huge_vector.h"
#include "dataplane/core/key_index.h"
#include "dataplane/core/places.h"
#include "sipcore/hash/siphash.h"

namespace dataplane {

struct Dialog {
  sipcore::Hash128 key;  // of Call-ID and both tags (RFC 3261 12)
  uint64_t until_ms = 0;
  uint32_t generation = 0;
  uint16_t destination = 0;  // slot in control::link::Destinations
  Places places;             // of its group and of rules
  bool up = false;
};

class Dialogs {
 public:
  static constexpr uint32_t kNone = 0xffffffff;
  static constexpr uint64_t kRoundMs = 10000;

  explicit Dialogs(size_t most);

  // Room for one that may come. False: full.
  bool reserve();
  void give_back_reserved() { --reserved_; }

  // kNone: full; what is reserved by others is not taken. `places` are the dialog's then.
  uint32_t add(const sipcore::Hash128& key, uint16_t destination, Places& places,
               uint64_t until_ms);
  uint32_t find(const sipcore::Hash128& key) const;
  void extend(uint32_t slot, uint64_t until_ms) { all_[slot].until_ms = until_ms; }
  void remove(uint32_t slot);
  // For one that will be looked for, or added, soon.
  void prefetch(const sipcore::Hash128& key) const {
    index_.prefetch(key.low);
    if (!free_.empty()) __builtin_prefetch(&all_[free_.back()], 1);
  }
  // Calls expired(slot) for those whose time is up, of the part of the table that has its turn.
  template <class Expired>
  void sweep(uint64_t now_ms, Expired expired) {
    uint64_t steps = std::min<uint64_t>(all_.size(), due_steps(now_ms));
    if (in_use() == 0) return;
    for (; steps > 0; --steps, hand_ = hand_ + 1 < all_.size() ? hand_ + 1 : 0) {
      const Dialog& dialog = all_[hand_];
      if (dialog.up && dialog.until_ms <= now_ms) expired(static_cast<uint32_t>(hand_));
    }
  }
  // Whether it is still the one that had this generation.
  bool current(uint32_t slot, uint32_t generation) const {
    return slot < all_.size() && all_[slot].up && all_[slot].generation == generation;
  }
  const Dialog& at(uint32_t slot) const { return all_[slot]; }
  size_t size() const { return all_.size(); }
  size_t in_use() const { return all_.size() - free_.size(); }
  size_t reserved() const { return reserved_; }

 private:
  // As much of the table as of a round has passed since the last time.
  uint64_t due_steps(uint64_t now_ms) {
    if (swept_ms_ == 0) swept_ms_ = now_ms;
    uint64_t steps = (now_ms - swept_ms_) * all_.size() / kRoundMs;
    if (steps > 0) swept_ms_ = now_ms;
    return steps;
  }

  control::link::HugeVector<Dialog> all_;
  std::vector<uint32_t> free_;
  size_t reserved_ = 0;
  size_t hand_ = 0;        // the next one to be looked at
  uint64_t swept_ms_ = 0;  // up to when
  KeyIndex index_;
};

}  // namespace dataplane
