// The calls that are up, of one worker: each holds its place in a destination until it ends, by BYE
// or because it showed no sign of life for too long. A place for a call is reserved when its INVITE
// is accepted, so that a 2xx never finds the table full.
#pragma once

#include <cstdint>
#include <vector>

#include "control/link/huge_vector.h"
#include "dataplane/core/key_index.h"
#include "sipcore/hash/siphash.h"

namespace dataplane {

struct Dialog {
  sipcore::Hash128 key;  // of Call-ID and both tags (RFC 3261 12)
  uint32_t generation = 0;
  uint16_t destination = 0;  // slot in control::link::Destinations
  bool up = false;
};

class Dialogs {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  explicit Dialogs(size_t most);

  // Room for one that may come. False: full.
  bool reserve();
  void give_back_reserved() { --reserved_; }

  // kNone: full; what is reserved by others is not taken.
  uint32_t add(const sipcore::Hash128& key, uint16_t destination);
  uint32_t find(const sipcore::Hash128& key) const;
  void remove(uint32_t slot);
  // Whether it is still the one that had this generation.
  bool current(uint32_t slot, uint32_t generation) const {
    return slot < all_.size() && all_[slot].up && all_[slot].generation == generation;
  }
  const Dialog& at(uint32_t slot) const { return all_[slot]; }
  size_t size() const { return all_.size(); }
  size_t in_use() const { return all_.size() - free_.size(); }
  size_t reserved() const { return reserved_; }

 private:
  control::link::HugeVector<Dialog> all_;
  std::vector<uint32_t> free_;
  size_t reserved_ = 0;
  KeyIndex index_;
};

}  // namespace dataplane
