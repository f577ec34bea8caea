// Weighted rendezvous hashing: for each key every destination draws a number from (its name, key),
// scaled by its weight, and the highest wins. Taking a destination out moves only the keys that it
// had won, and spreads them over the rest by weight; no other key moves. Every node with the same
// seed and list decides alike, in whatever order the list is written.
//
//   key -> bucket (one of 65,536) -> best, second, third ... destination of the bucket
//
// The draws are done once for all buckets when the table is built (by control); a selection is one
// array access per destination that is out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sipcore/balance/pick.h"
#include "sipcore/hash/siphash.h"

namespace sipcore {

struct WeightedName {
  std::string name;  // what identifies the destination, not its place in the list
  uint32_t weight;   // 0: never chosen
};

class RendezvousTable {
 public:
  static constexpr size_t kBuckets = 65536;
  static constexpr size_t kRanks = 4;  // kept per bucket; further ones are drawn when needed

  // Builds the table: 65,536 draws for each destination. At most 65,000 destinations.
  RendezvousTable(std::span<const WeightedName> destinations, const HashKey& seed);

  // The best destination for the key that usable(index) accepts, or kNobody. `usable` is asked for
  // each destination at most twice.
  template <class Usable>
  uint16_t select(uint64_t key_hash, Usable usable) const {
    size_t bucket = key_hash % kBuckets;
    for (size_t rank = 0; rank < ranks_kept_; ++rank) {
      uint16_t index = ranks_[rank * kBuckets + bucket];
      if (usable(index)) return index;
    }
    if (ranks_kept_ < kRanks) return kNobody;
    return draw(bucket, usable);
  }

 private:
  template <class Usable>
  uint16_t draw(size_t bucket, Usable usable) const {
    double best = 0;
    uint16_t winner = kNobody;
    for (size_t i = 0; i < names_.size(); ++i) {
      uint16_t index = static_cast<uint16_t>(i);
      double drawn = score(i, bucket);
      if (drawn > best && usable(index)) {
        best = drawn;
        winner = index;
      }
    }
    return winner;
  }
  double score(size_t index, size_t bucket) const;

  struct Name {
    uint64_t hash;
    double weight;
  };
  std::vector<Name> names_;
  std::vector<uint16_t> ranks_;  // the best of all buckets, then the second of all, ...
  size_t ranks_kept_ = 0;
};

}  // namespace sipcore
