#include "sipcore/balance/rendezvous.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sipcore/check.h"
#include "sipcore/hash/mix.h"

namespace sipcore {
RendezvousTable::RendezvousTable(std::span<const WeightedName> destinations, const HashKey& seed) {
  CHECK(destinations.size() <= 65000);
  size_t alive = 0;
  for (const WeightedName& destination : destinations) {
    names_.push_back({siphash(seed, destination.name), static_cast<double>(destination.weight)});
    alive += destination.weight > 0 ? 1 : 0;
  }
  ranks_kept_ = std::min(alive, kRanks);
  ranks_.resize(kBuckets * ranks_kept_);
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    std::array<double, kRanks> scores{};
    std::array<uint16_t, kRanks> ranks{};
    for (size_t i = 0; i < names_.size(); ++i) {
      double drawn = score(i, bucket);
      if (drawn <= scores[kRanks - 1]) continue;
      size_t at = kRanks - 1;
      for (; at > 0 && scores[at - 1] < drawn; --at) {
        scores[at] = scores[at - 1];
        ranks[at] = ranks[at - 1];
      }
      scores[at] = drawn;
      ranks[at] = static_cast<uint16_t>(i);
    }
    for (size_t rank = 0; rank < ranks_kept_; ++rank) {
      ranks_[rank * kBuckets + bucket] = ranks[rank];
    }
  }
}

// -weight / ln(u) with u uniform in (0, 1): the chance to be the highest is weight / sum of
// weights.
double RendezvousTable::score(size_t index, size_t bucket) const {
  const Name& name = names_[index];
  if (name.weight <= 0) return 0;
  double u = (static_cast<double>(mix(name.hash, bucket) >> 11) + 0.5) * 0x1.0p-53;
  return -name.weight / std::log(u);
}

}  // namespace sipcore
