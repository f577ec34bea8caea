#include "dataplane/core/blob_pool.h"

#include <algorithm>
#include <cstring>

#include "sipcore/check.h"

namespace dataplane {

BlobPool::BlobPool(size_t parts, size_t messages) {
  const std::array<size_t, kSizes.size()> counts = {parts,         parts >> 1,    messages,
                                                    messages >> 1, messages >> 2, messages >> 6,
                                                    messages >> 8, messages >> 10};
  for (size_t i = 0; i < kSizes.size(); ++i) {
    size_t count = std::max<size_t>(counts[i], 16);
    slabs_[i].memory = control::link::HugeBytes(count * kSizes[i]);
    slabs_[i].size.resize(count);
    slabs_[i].holds.resize(count);
    for (size_t index = count; index-- > 0;) {
      slabs_[i].free.push_back(static_cast<uint32_t>(index));
    }
  }
}

Blob BlobPool::store(std::string_view text, What what) {
  for (size_t i = 0; i < kSizes.size(); ++i) {
    Slab& slab = slabs_[i];
    size_t left = what == What::kPart && i >= kPartSizes ? slab.size.size() / 2 : 0;
    if (text.size() > kSizes[i] || slab.free.size() <= left) continue;
    uint32_t index = slab.free.back();
    slab.free.pop_back();
    std::memcpy(slab.memory.at(size_t{index} * kSizes[i]), text.data(), text.size());
    slab.size[index] = static_cast<uint16_t>(text.size());
    slab.holds[index] = 1;
    ++in_use_;
    return static_cast<Blob>(i << kIndexBits) | index;
  }
  return kNoBlob;
}

std::string_view BlobPool::text(Blob blob) const {
  CHECK(blob != kNoBlob);
  size_t i = blob >> kIndexBits;
  size_t index = blob & ((1U << kIndexBits) - 1);
  CHECK(slabs_[i].holds[index] > 0);
  return {slabs_[i].memory.at(index * kSizes[i]), slabs_[i].size[index]};
}

Blob BlobPool::share(Blob blob) {
  if (blob != kNoBlob) ++slabs_[blob >> kIndexBits].holds[blob & ((1U << kIndexBits) - 1)];
  return blob;
}

void BlobPool::drop(Blob& blob) {
  if (blob == kNoBlob) return;
  Slab& slab = slabs_[blob >> kIndexBits];
  uint32_t index = blob & ((1U << kIndexBits) - 1);
  CHECK(slab.holds[index] > 0);
  if (--slab.holds[index] == 0) {
    slab.free.push_back(index);
    --in_use_;
  }
  blob = kNoBlob;
}

}  // namespace dataplane
