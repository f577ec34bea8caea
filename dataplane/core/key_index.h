// From the 128-bit keyed hash of a transaction to its slot: open addressing with linear probing, at
// most three quarters full, so a lookup touches about one cache line. Removal closes the gap,
// nothing decays. 32 bits of the hash are stored here, enough to pass over what is not meant
// without touching it; the owner of the slot compares all of it.
#pragma once

#include <bit>
#include <cstdint>

#include "control/link/huge_vector.h"

namespace dataplane {

class KeyIndex {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  explicit KeyIndex(size_t most)
      : cells_(std::bit_ceil(most + most / 3 + 1)), mask_(cells_.size() - 1) {}

  // The slot for which same(slot) holds among those that may have this hash, or kNone.
  template <class Same>
  uint32_t find(uint64_t hash, Same same) const {
    uint32_t tag = static_cast<uint32_t>(hash);
    for (size_t at = tag & mask_; cells_[at].slot != kNone; at = (at + 1) & mask_) {
      if (cells_[at].tag == tag && same(cells_[at].slot)) return cells_[at].slot;
    }
    return kNone;
  }

  void prefetch(uint64_t hash) const {
    __builtin_prefetch(&cells_[static_cast<uint32_t>(hash) & mask_]);
  }

  // The caller keeps to `most` entries.
  void insert(uint64_t hash, uint32_t slot) {
    uint32_t tag = static_cast<uint32_t>(hash);
    size_t at = tag & mask_;
    while (cells_[at].slot != kNone) at = (at + 1) & mask_;
    cells_[at] = {tag, slot};
  }

  void erase(uint64_t hash, uint32_t slot) {
    size_t at = static_cast<uint32_t>(hash) & mask_;
    while (cells_[at].slot != slot) {
      if (cells_[at].slot == kNone) return;
      at = (at + 1) & mask_;
    }
    close_gap(at);
  }

 private:
  struct Cell {
    uint32_t tag = 0;  // low bits of the hash
    uint32_t slot = kNone;
  };

  // Moves back what probing would no longer find behind the gap.
  void close_gap(size_t gap) {
    for (size_t at = (gap + 1) & mask_; cells_[at].slot != kNone; at = (at + 1) & mask_) {
      size_t home = cells_[at].tag & mask_;
      if (((at - home) & mask_) < ((at - gap) & mask_)) continue;
      cells_[gap] = cells_[at];
      gap = at;
    }
    cells_[gap] = {};
  }

  control::link::HugeVector<Cell> cells_;
  size_t mask_;
};

}  // namespace dataplane
