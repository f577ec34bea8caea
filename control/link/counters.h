// The names of everything that is counted. A worker has one set and is its only writer; any thread
// may read. Every packet that comes in gets exactly one Fate, every packet that goes out one Sent,
// so that in = sum of fates and out = sum of sent, always.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace control::link {

// clang-format off
//  name                    what it counts
#define TANDEM_FATES(X)                                                                     \
  X(request_forwarded,      "requests sent on")                                             \
  X(response_forwarded,     "responses sent on")                                            \
  X(request_answered,       "requests answered by Tandem itself")                           \
  X(response_consumed,      "responses that ended here (100, our own hop, not the best)")   \
  X(ack_consumed,           "ACKs of a final response on our own hop")                      \
  X(retransmission,         "repeated messages absorbed or answered from memory")           \
  X(handed_over,            "packets given to the worker that owns the call")               \
  X(to_kernel,              "packets that are not SIP for us, passed to the kernel twin")   \
  X(fragment_stored,        "fragments kept until their datagram is whole")                 \
  X(drop_not_ip,            "neither IPv4 nor IPv6")                                        \
  X(drop_bad_ip,            "malformed IP header")                                          \
  X(drop_not_udp,           "IP, but not UDP")                                              \
  X(drop_bad_udp,           "malformed UDP header or wrong checksum")                       \
  X(drop_not_ours,          "UDP, but not for a listen address")                            \
  X(drop_fragment,          "overlapping, doubled or senseless fragments")                     \
  X(drop_fragment_full,     "no room to put a datagram together")                           \
  X(drop_bad_source,        "source address that cannot be answered")                       \
  X(drop_bad_proxy_header,  "without the PROXY header that a balancer must put before them")  \
  X(drop_keepalive,         "empty lines that keep a NAT binding open")                     \
  X(drop_not_sip,           "payload is not SIP")                                           \
  X(drop_no_via,            "no Via that an answer could follow")                           \
  X(drop_bad_response,      "malformed responses")                                          \
  X(drop_bad_ack,           "malformed ACKs")                                               \
  X(drop_unknown_response,  "responses to nothing we sent")                                 \
  X(drop_forged_token,      "our form of token with a wrong check value")                   \
  X(drop_stale_token,       "our token, but the transaction is over")                       \
  X(drop_ack_without_call,  "ACKs that belong to no call of ours")                          \
  X(drop_foreign_source,    "ACKs in a call that their sender has no part in")              \
  X(drop_too_short,         "requests so short that an answer would be larger by half")     \
  X(drop_denied,            "from a source that is denied or banned")                         \
  X(drop_source_rate,       "requests of a source that sends more than one may")              \
  X(drop_scanner,           "requests of a tool that looks for holes, unparsed")              \
  X(drop_rule,              "requests that a rule drops")                                     \
  X(drop_overload,          "new requests that a worker had no time for")                   \
  X(drop_no_route,          "no way to the next hop")                                       \
  X(drop_no_memory,         "packet or mailbox room used up")

//  name                    what it counts
#define TANDEM_SENT(X)                                                                      \
  X(sent_request,           "requests forwarded")                                           \
  X(sent_response,          "responses forwarded")                                          \
  X(sent_reply,             "responses made by Tandem")                                     \
  X(sent_ack,               "ACKs made by Tandem")                                          \
  X(sent_cancel,            "CANCELs made by Tandem")                                       \
  X(sent_probe,             "OPTIONS that ask a destination whether it is alive")            \
  X(sent_again,             "retransmissions")

//  name                    what it counts
#define TANDEM_EVENTS(X)                                                                    \
  X(packets_in,             "packets received")                                             \
  X(packets_out,            "packets given to a port, fragments each")                      \
  X(tx_failed,              "packets the port did not take")                                \
  X(tx_no_neighbour,        "packets waiting for a neighbour that never answered")          \
  X(from_kernel,            "packets of the kernel twin, sent by the port")                 \
  X(twin_failed,            "packets that the port or its twin did not take")               \
  X(reassembly_given_up,    "datagrams whose fragments did not all come in time")           \
  X(rejected_malformed,     "requests answered 4xx or 513 for what is wrong with them")      \
  X(rejected_full,          "requests answered 503 because a table was full")               \
  X(rejected_overload,      "new requests answered 503 because a worker had no time")       \
  X(rejected_no_backend,    "requests answered 503 because no destination was left")        \
  X(rejected_rule,          "requests that a rule rejects")                                   \
  X(rejected_limit,         "requests beyond the limit of a rule or a group")                 \
  X(rejected_no_dialog,     "in-dialog requests without a token of ours, 481")              \
  X(rejected_token,         "requests with a forged token or a Route of their own, 403")    \
  X(rejected_source,        "in-dialog requests from one who has no part in the call, 403") \
  X(failovers,              "requests sent to a further destination after a failure")       \
  X(rules_given_up,         "responses with more to change than can be done, sent as they came")  \
  X(rerouted,               "failed requests that a rule sends to another group")            \
  X(branch_timeouts,        "destinations that did not answer")                             \
  X(branch_errors,          "destinations reported unreachable by ICMP")                    \
  X(calls,                  "INVITEs that began a call")                                    \
  X(calls_answered,         "calls that got a 2xx")                                         \
  X(calls_failed,           "calls that ended with another final response")                 \
  X(dialogs_begun,          "calls that are up, and hold a place in their destination")       \
  X(dialogs_ended,          "... and have ended")                                             \
  X(dialogs_expired,        "... because nothing was heard of them for too long")             \
  X(dialogs_not_kept,       "calls that are up, but found no room to be counted")             \
  X(transactions_created,   "server and client transactions begun")                         \
  X(transactions_freed,     "server and client transactions ended or retired")              \
  X(transactions_retired,   "pairs of them that live on to absorb what is repeated")        \
  X(retired_freed,          "... and have ended")                                           \
  X(retired_early,          "... before their time, for want of room")
// clang-format on

enum class Count : uint16_t {
#define X(name, text) name,
  TANDEM_FATES(X) kFates,
  kBeforeSent = kFates - 1,
  TANDEM_SENT(X) kSentEnd,
  kBeforeEvents = kSentEnd - 1,
  TANDEM_EVENTS(X) kCount
#undef X
};

struct CounterName {
  std::string_view name;
  std::string_view text;
};

inline constexpr CounterName kCounterNames[] = {
#define X(name, text) {#name, text},
    TANDEM_FATES(X) TANDEM_SENT(X) TANDEM_EVENTS(X)
#undef X
};
static_assert(std::size(kCounterNames) == static_cast<size_t>(Count::kCount));

class Counters {
 public:
  // The owning worker only: a plain load and store, since nobody else writes.
  void add(Count which, uint64_t by = 1) {
    auto& value = values_[static_cast<size_t>(which)];
    value.store(value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  uint64_t read(Count which) const {
    return values_[static_cast<size_t>(which)].load(std::memory_order_relaxed);
  }
  uint64_t sum(Count from, Count to) const {
    uint64_t total = 0;
    for (size_t i = static_cast<size_t>(from); i < static_cast<size_t>(to); ++i) {
      total += values_[i].load(std::memory_order_relaxed);
    }
    return total;
  }
  uint64_t fates() const { return sum(Count{}, Count::kFates); }
  uint64_t sent() const { return sum(Count::sent_request, Count::kSentEnd); }

 private:
  alignas(64) std::array<std::atomic<uint64_t>, static_cast<size_t>(Count::kCount)> values_{};
};

// How often each rule has matched; written and read as Counters are.
class RuleHits {
 public:
  static constexpr size_t kMost = 4096;

  void add(uint16_t rule) {
    auto& value = values_[rule];
    value.store(value.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  uint64_t read(uint16_t rule) const { return values_[rule].load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<uint64_t>, kMost> values_{};
};

}  // namespace control::link
