// The transaction table of one worker. Requests find their branch by key, responses by the token in
// its Via; the branch leads to the transactions at work, or is all that is left of them.
//
//   key of a request --> Branch --> ServerTransaction --> ClientTransaction (first, failed)
//                                                    `-> ClientTransaction (second) --> its CANCEL
//   token of a response --> Branch --------------------------^
//
// Fixed slabs: those of transactions at work are small, branches are many.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "control/link/huge_vector.h"
#include "control/link/running_config.h"
#include "dataplane/core/blob_pool.h"
#include "dataplane/core/key_index.h"
#include "dataplane/core/places.h"
#include "sipcore/grammar/ip.h"
#include "sipcore/grammar/method.h"
#include "sipcore/hash/siphash.h"

namespace dataplane {

inline constexpr uint32_t kNoSlot = 0xffffffff;
using control::link::kNoGroup;
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

// What a transaction keeps to its end, at work and retired: its last response and where it goes.
struct Answer {
  // To an INVITE as sent, to others what the request itself does not say (own_part).
  Blob response = kNoBlob;
  sipcore::Endpoint reply_to;  // where responses go
  uint16_t listen = 0;         // index of the listen address the request came to
  int16_t status = 0;          // of `response`
  uint32_t said = 0;  // hash of what the request says, but for its Via (low bits of loop_hash)
  Kind kind = Kind::kOther;
  bool to_has_tag = false;  // in the request
};

struct ServerTransaction : Answer {
  sipcore::Hash128 key;
  uint32_t branch = kNoSlot;  // the one that the index leads to for this key
  sipcore::Endpoint source;   // where the request came from
  Timers timers;
  Blob request = kNoBlob;  // as received; dropped when nothing can need it again
  Blob best = kNoBlob;     // best failure so far, ready to go up (RFC 3261 16.7 step 6)
  uint32_t first_client = kNoSlot;
  uint32_t group_id = 0;        // of the group the request was balanced over
  uint32_t first_group_id = 0;  // where that began
  uint16_t group = kNoGroup;    // its index when it was chosen; kNoGroup: none
  int16_t best_status = 0;
  uint8_t state = 0;  // of the machine that `kind` names
  sipcore::Method method = sipcore::Method::kExtension;
  uint8_t tries = 0;         // destinations asked: so many of `tried` count
  uint8_t tries_here = 0;    // of them in this group
  bool cancelled = false;    // the caller sent CANCEL
  bool by_balancer = false;  // it came by one, which `reply_to` is
  bool dialog_reserved = false;
  bool refused = false;  // some destination gave an answer that others shall not be asked after
  bool in_use = false;
  uint8_t rerouted = 0;      // times that a rule sent it elsewhere after it had failed
  int16_t rerouted_for = 0;  // the status that it was sent elsewhere for
  Places places;             // until its dialog has them
  uint64_t marks = 0;        // set by rules
  uint64_t hash = 0;         // what rules want it to be hashed by; 0: what its group says
  std::array<uint32_t, kMostTries> tried{};  // hashes of what tells destinations from each other
};

struct ClientTransaction {
  sipcore::Endpoint destination;
  Timers timers;
  uint64_t loop = 0;
  uint64_t sent_us = 0;
  Blob request = kNoBlob;  // the received request: what was sent is made from it again
  uint32_t server = kNoSlot;
  uint32_t next = kNoSlot;    // next client of the same server
  uint32_t cancel = kNoSlot;  // INVITE: its CANCEL; CANCEL: its INVITE
  uint32_t branch = kNoSlot;  // CANCEL: none, it has that of its INVITE
  uint32_t generation = 0;    // of the branch
  uint32_t dialog = kNoSlot;  // BYE: the call that it ends
  uint32_t dialog_generation = 0;
  uint16_t listen = 0;  // sent from
  // Of a request that a group was asked for: what it takes up in its destination.
  uint16_t destination_slot = control::link::kNoDestination;
  uint8_t work = 0;                // in quarters, sipcore/balance/load.h
  bool holds_call = false;         // a place for a call
  bool takes_place_again = false;  // had one until it was given up for its silence
  bool heard = false;              // some response came
  bool late = false;               // but none before the request was repeated
  bool rang = false;               // or was answered
  bool found_wanting = false;      // the destination's breaker was told of a failure
  uint8_t state = 0;
  Kind kind = Kind::kOther;
  sipcore::Method method = sipcore::Method::kExtension;
  bool cancel_wanted = false;  // CANCEL as soon as a provisional response is here
  bool done = false;           // it failed, or was given up: nobody waits for it any more
  bool in_use = false;
};

// What the branch parameter in a Via of ours names. A transaction of which nothing but repetitions
// can follow is retired: for as long as timer J or L would run, one cache line here does for it.
// The answer is that of a retired one.
struct alignas(64) Branch : Answer {
  bool retired = false;
  uint32_t generation = 0;
  uint32_t server = kNoSlot;  // at work
  uint32_t client = kNoSlot;  // at work
  sipcore::Hash128 key;       // where the index leads here
};
static_assert(sizeof(Branch) == 64);

class Transactions {
 public:
  // `retired`: so many branches more than there are clients.
  Transactions(size_t servers, size_t clients, size_t retired);

  // The branch for this key: retired, or with a server; kNoSlot: none.
  uint32_t find(const sipcore::Hash128& key) const;
  // Ask for the memory that find(), and what follows it, will touch.
  void prefetch_key(const sipcore::Hash128& key) const;
  void prefetch_branch(uint32_t slot) const;
  // For what will end soon: first itself, a little later what leads to it.
  void prefetch_index(uint32_t branch) const { index_.prefetch(branches_[branch].key.low); }

  // kNoSlot: full. A server is found by its key as soon as it has a client.
  uint32_t new_server(const sipcore::Hash128& key);
  uint32_t new_client(uint32_t server);
  uint32_t new_cancel();            // a client that belongs to no server
  void free_server(uint32_t slot);  // its clients live on without it
  void free_client(uint32_t slot);
  // Frees server and client, the only one it has; the branch that is left is found by its key and
  // by its token.
  uint32_t retire(uint32_t server, uint32_t client);
  void free_retired(uint32_t branch);

  ServerTransaction& server(uint32_t slot) { return servers_[slot]; }
  const ServerTransaction& server(uint32_t slot) const { return servers_[slot]; }
  ClientTransaction& client(uint32_t slot) { return clients_[slot]; }
  Branch& branch(uint32_t slot) { return branches_[slot]; }
  // Whether a token of ours still names something: a client at work, or what is retired.
  bool current(uint32_t slot, uint32_t generation) const {
    return slot < branches_.size() && branches_[slot].generation == generation &&
           (branches_[slot].client != kNoSlot || branches_[slot].retired);
  }
  size_t servers() const { return servers_.size(); }
  size_t clients() const { return clients_.size(); }
  size_t branches() const { return branches_.size(); }
  size_t servers_in_use() const { return servers_.size() - free_servers_.size(); }
  size_t clients_in_use() const { return clients_.size() - free_clients_.size(); }
  bool full_of_branches() const { return free_branches_.empty(); }
  size_t branches_in_use() const { return branches_.size() - free_branches_.size(); }

 private:
  uint32_t new_branch(uint32_t server, uint32_t client);
  void free_branch_if_unused(uint32_t slot);
  template <class Transaction>
  static void prefetch(const control::link::HugeVector<Transaction>& all, uint32_t slot) {
    const char* begin = reinterpret_cast<const char*>(&all[slot]);
    for (size_t at = 0; at < sizeof(Transaction); at += 64) __builtin_prefetch(begin + at, 1);
  }

  control::link::HugeVector<ServerTransaction> servers_;
  control::link::HugeVector<ClientTransaction> clients_;
  control::link::HugeVector<Branch> branches_;
  std::vector<uint32_t> free_servers_;
  std::vector<uint32_t> free_clients_;
  std::vector<uint32_t> free_branches_;
  KeyIndex index_;
};

}  // namespace dataplane
