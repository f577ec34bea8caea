// Simulated callers and backends: small, correct user agents (RFC 3261 17, 13) with their own
// retransmissions, and the faults of a network between them and the node.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace tests {

// What a backend does with a new call.
enum class Mood : uint8_t { kAnswer, kRing, kBusy, kUnavailable, kDecline, kSilent, kSlow };

// A message that an agent repeats until something stops it.
struct Repeat {
  std::string bytes;
  uint64_t at_ms = 0;
  uint64_t interval_ms = 500;
  uint64_t until_ms = 0;
};

class Backend {
 public:
  Backend(sipcore::Endpoint address, std::mt19937_64& random)
      : address_(address), random_(random) {}

  std::vector<Datagram> receive(const Datagram& in, uint64_t now_ms);
  std::vector<Datagram> tick(uint64_t now_ms);
  const sipcore::Endpoint& address() const { return address_; }

 private:
  struct Call {
    Mood mood = Mood::kAnswer;
    std::string invite;
    std::string tag;
    int final_status = 0;
    uint64_t answer_at_ms = 0;
    Repeat final_response;  // 2xx or failure until its ACK
  };
  void answer_invite(Call& call, int status, uint64_t now_ms, std::vector<Datagram>& out);

  sipcore::Endpoint address_;
  std::mt19937_64& random_;
  std::map<std::string, Call> calls_;  // by top Via branch, which is a transaction
};

class Caller {
 public:
  Caller(sipcore::Endpoint address, std::mt19937_64& random) : address_(address), random_(random) {}

  // Begins a call; some are cancelled, some are single requests.
  std::vector<Datagram> begin(uint64_t now_ms, int number);
  std::vector<Datagram> receive(const Datagram& in, uint64_t now_ms);
  std::vector<Datagram> tick(uint64_t now_ms);
  const sipcore::Endpoint& address() const { return address_; }

  // INVITEs that never got a final response although they reached the node: asked at the end.
  size_t unanswered() const;
  size_t answered() const;

 private:
  struct Call {
    std::string method, invite, branch;
    Repeat request;  // INVITE, MESSAGE or BYE under way
    int final_status = 0;
    std::string ack;  // sent again for a repeated 2xx
    uint64_t cancel_at_ms = 0, bye_at_ms = 0;
    Repeat cancel;
    bool bye_sent = false, taken = false;
  };
  void on_invite_response(Call& call, const Datagram& in, uint64_t now_ms,
                          std::vector<Datagram>& out);
  Datagram to_node(const std::string& bytes) const;

  sipcore::Endpoint address_;
  std::mt19937_64& random_;
  std::map<std::string, Call> calls_;  // by Call-ID
};

}  // namespace tests
