// Copies of messages, and of parts of them, that a transaction may need again (retransmission,
// failover, ACK, CANCEL), in slabs of a few sizes. Allocated at start; taking and dropping cost a
// list operation. A blob is counted: it lives until the last holder drops it. Owned by one worker.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "control/link/huge_vector.h"

namespace dataplane {

using Blob = uint32_t;
inline constexpr Blob kNoBlob = 0xffffffff;

class BlobPool {
 public:
  static constexpr std::array<uint32_t, 8> kSizes = {64, 256, 512, 1024, 2048, 4096, 16384, 65536};

  // `parts` of the smallest size and half as many of the next, for parts of messages; `messages` of
  // 512 bytes, and of each larger size a share that shrinks with it.
  BlobPool(size_t parts, size_t messages);

  // Copies `text`, at most 65,535 bytes, into the smallest size with room, going up where that is
  // used up. kNoBlob: full. A part, which may be missing, leaves half of the room for messages to
  // those.
  enum class What : uint8_t { kMessage, kPart };
  Blob store(std::string_view text, What what = What::kMessage);
  std::string_view text(Blob blob) const;
  Blob share(Blob blob);
  // Drops one hold and clears the handle; kNoBlob is fine.
  void drop(Blob& blob);
  size_t in_use() const { return in_use_; }

 private:
  static constexpr size_t kPartSizes = 2;

  struct Slab {
    control::link::HugeBytes memory;
    std::vector<uint32_t> free;
    std::vector<uint16_t> size;
    std::vector<uint16_t> holds;
  };
  static constexpr int kIndexBits = 28;  // the upper four bits of a handle name the slab

  std::array<Slab, kSizes.size()> slabs_;
  size_t in_use_ = 0;
};

}  // namespace dataplane
