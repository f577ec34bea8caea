// How much each source has sent lately, shared by all workers: a fixed table of rates by keyed hash
// of the address (IPv6: of its /64). A source that finds no room is not counted, those that have
// been quiet for longest give way.
#pragma once

#include <atomic>
#include <cstdint>

#include "control/link/huge_vector.h"
#include "sipcore/balance/rate.h"
#include "sipcore/grammar/ip.h"
#include "sipcore/hash/siphash.h"

namespace control::link {

struct SourceLimits {
  sipcore::Rate requests, invites;
  uint32_t ban_after = 0;  // refusals within kWindow; 0: nobody is banned
  bool any() const { return requests.any() || invites.any(); }
};

class Sources {
 public:
  static constexpr uint64_t kWindowNs = 10000000000;

  enum class Verdict : uint8_t {
    kAdmit,
    kRefuse,
    kBan,  // refused, for the ban_after-th time: told once in a window
  };

  // `most`: sources that are remembered, rounded up to a power of two.
  explicit Sources(size_t most);

  Verdict admit(const sipcore::IpAddress& source, bool is_invite, uint64_t now_ns,
                const SourceLimits& limits, const sipcore::HashKey& key);

 private:
  struct alignas(32) Entry {
    std::atomic<uint64_t> tag{0};                         // hash of the source; 0: nobody
    std::atomic<uint64_t> requests_ns{0}, invites_ns{0};  // sipcore::Rate
    std::atomic<uint64_t> refused{0};  // window in the upper half, refusals in the lower
  };
  Entry* find(uint64_t tag, uint64_t now_ns);
  bool note_refusal(Entry& entry, uint64_t now_ns, uint32_t ban_after);

  static constexpr size_t kWays = 4;  // entries that one source may have
  HugeVector<Entry> entries_;
};

}  // namespace control::link
