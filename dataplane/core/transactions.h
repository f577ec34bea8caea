// The transaction table of one worker: fixed slabs of server and client transactions, a keyed index
// for the server side, generations for the client side, which is found by token alone.
//
//   caller -> ServerTransaction -> ClientTransaction (first destination, failed)
//                               -> ClientTransaction (second) -> ClientTransaction (its CANCEL)
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "control/link/huge_vector.h"
#include "dataplane/core/blob_pool.h"
#include "dataplane/core/key_index.h"
#include "sipcore/grammar/ip.h"
#include "sipcore/grammar/method.h"
#include "sipcore/hash/siphash.h"

namespace dataplane {

inline constexpr uint32_t kNoSlot = 0xffffffff;
inline constexpr uint16_t kNoGroup = 0xffff;
inline constexpr size_t kMostTries = 16;  // destinations of one request

enum class Kind : uint8_t { kInvite, kOther, kCancel };

// The two timers a transaction has, as points in time; 0: not running.
struct Timers {
  uint64_t retransmit_at_ms = 0;
  uint64_t timeout_at_ms = 0;
  uint64_t failover_at_ms = 0;  // client only: when silence makes us ask the next destination
  uint32_t interval_ms = 0;     // of the retransmission that is due next

  uint64_t next() const {
    uint64_t first = 0;
    for (uint64_t at : {retransmit_at_ms, timeout_at_ms, failover_at_ms}) {
      if (at != 0 && (first == 0 || at < first)) first = at;
    }
    return first;
  }
};

struct ServerTransaction {
  sipcore::Hash128 key;
  sipcore::Endpoint source;    // where the request came from
  sipcore::Endpoint reply_to;  // where responses go
  Timers timers;
  Blob request = kNoBlob;   // as received; dropped when nothing can need it again
  Blob response = kNoBlob;  // last one sent, as sent
  Blob best = kNoBlob;      // best failure so far, ready to go up (RFC 3261 16.7 step 6)
  uint32_t first_client = kNoSlot;
  uint16_t listen = 0;        // index of the listen address the request came to
  uint32_t group_id = 0;      // of the group the request was balanced over
  uint16_t group = kNoGroup;  // its index when it was chosen; kNoGroup: none
  int16_t best_status = 0;
  uint8_t state = 0;  // of the machine that `kind` names
  uint8_t tries = 0;  // destinations asked: so many of `tried` count
  Kind kind = Kind::kOther;
  bool cancelled = false;  // the caller sent CANCEL
  bool in_use = false;
  std::array<uint32_t, kMostTries> tried{};  // hashes of their endpoints
};

struct ClientTransaction {
  sipcore::Endpoint destination;
  Timers timers;
  uint64_t loop = 0;
  Blob request = kNoBlob;  // the received request: what was sent is made from it again
  uint32_t server = kNoSlot;
  uint32_t next = kNoSlot;    // next client of the same server
  uint32_t cancel = kNoSlot;  // INVITE: its CANCEL; CANCEL: its INVITE
  uint32_t generation = 0;
  uint16_t listen = 0;                  // sent from
  uint16_t destination_index = 0xffff;  // in the group, or 0xffff
  uint8_t state = 0;
  Kind kind = Kind::kOther;
  sipcore::Method method = sipcore::Method::kExtension;
  bool cancel_wanted = false;  // CANCEL as soon as a provisional response is here
  bool done = false;           // it failed, or was given up: nobody waits for it any more
  bool in_use = false;
};

class Transactions {
 public:
  Transactions(size_t servers, size_t clients);

  uint32_t find(const sipcore::Hash128& key) const;
  // Ask for the memory that find(), and what follows it, will touch.
  void prefetch_server(const sipcore::Hash128& key) const;
  void prefetch_client(uint32_t slot) const;
  // For a transaction that will end soon: first itself, a little later what leads to it.
  void prefetch_server(uint32_t slot) const { prefetch(servers_, slot); }
  void prefetch_key(uint32_t server) const { index_.prefetch(servers_[server].key.low); }
  // kNoSlot: full.
  uint32_t new_server(const sipcore::Hash128& key);
  uint32_t new_client(uint32_t server);
  void free_server(uint32_t slot);  // its clients live on without it
  void free_client(uint32_t slot);

  ServerTransaction& server(uint32_t slot) { return servers_[slot]; }
  const ServerTransaction& server(uint32_t slot) const { return servers_[slot]; }
  ClientTransaction& client(uint32_t slot) { return clients_[slot]; }
  bool current(uint32_t slot, uint32_t generation) const {
    return slot < clients_.size() && clients_[slot].in_use &&
           clients_[slot].generation == generation;
  }
  size_t servers() const { return servers_.size(); }
  size_t servers_in_use() const { return servers_.size() - free_servers_.size(); }
  size_t clients_in_use() const { return clients_.size() - free_clients_.size(); }

 private:
  template <class Transaction>
  static void prefetch(const control::link::HugeVector<Transaction>& all, uint32_t slot) {
    const char* begin = reinterpret_cast<const char*>(&all[slot]);
    for (size_t at = 0; at < sizeof(Transaction); at += 64) __builtin_prefetch(begin + at);
  }

  control::link::HugeVector<ServerTransaction> servers_;
  control::link::HugeVector<ClientTransaction> clients_;
  std::vector<uint32_t> free_servers_;
  std::vector<uint32_t> free_clients_;
  KeyIndex index_;
};

}  // namespace dataplane
