#include "control/link/sources.h"

#include <algorithm>
#include <bit>

#include "control/link/networks.h"

namespace control::link {

namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;
}  // namespace

Sources::Sources(size_t most) : entries_(std::bit_ceil(std::max(most, kWays))) {}

// The entry of the source, or one that nobody needs: whose rates would be full again by now.
Sources::Entry* Sources::find(uint64_t tag, uint64_t now_ns) {
  size_t begin = tag % (entries_.size() / kWays) * kWays;
  Entry* quiet = nullptr;
  for (size_t i = begin; i < begin + kWays; ++i) {
    Entry& entry = entries_[i];
    if (entry.tag.load(kRelaxed) == tag) return &entry;
    uint64_t busy_until =
        std::max(entry.requests_ns.load(kRelaxed), entry.invites_ns.load(kRelaxed));
    if (quiet == nullptr && busy_until <= now_ns) quiet = &entry;
  }
  if (quiet == nullptr) return nullptr;
  // Of two who take it at once the second one's rates count on: it is a quiet entry anyway.
  quiet->tag.store(tag, kRelaxed);
  quiet->requests_ns.store(0, kRelaxed);
  quiet->invites_ns.store(0, kRelaxed);
  quiet->refused.store(0, kRelaxed);
  return quiet;
}

bool Sources::note_refusal(Entry& entry, uint64_t now_ns, uint32_t ban_after) {
  uint64_t window = now_ns / kWindowNs;
  uint64_t word = entry.refused.load(kRelaxed);
  uint64_t next;
  do {
    next = word >> 32 == window ? word + 1 : window << 32 | 1;
  } while (!entry.refused.compare_exchange_weak(word, next, kRelaxed));
  return ban_after != 0 && (next & 0xffffffff) == ban_after;
}

Sources::Verdict Sources::admit(const sipcore::IpAddress& source, bool is_invite, uint64_t now_ns,
                                const SourceLimits& limits, const sipcore::HashKey& key) {
  Network site = site_of(source);
  sipcore::SipHash hash(key);
  hash.add({reinterpret_cast<const char*>(site.ip.bytes.data()), site.ip.size()});
  Entry* entry = find(std::max<uint64_t>(hash.finish(), 1), now_ns);
  if (entry == nullptr) return Verdict::kAdmit;
  bool good = limits.requests.take(entry->requests_ns, now_ns) &&
              (!is_invite || limits.invites.take(entry->invites_ns, now_ns));
  if (good) return Verdict::kAdmit;
  return note_refusal(*entry, now_ns, limits.ban_after) ? Verdict::kBan : Verdict::kRefuse;
}

}  // namespace control::link
