// What does the whole worker spend on a message? A node over the in-memory port: calls in batches,
// each kind of message timed by itself, with transactions of earlier calls lingering.
//
//   worker [--calls N] [--lingering N] [--destinations N] [--workers N]
//
// Prints TSC cycles per received message. The in-memory port and its pool (a deque and a lock) are
// part of it. Several workers take turns on one CPU, and all that comes in comes to the first: what
// steering costs is seen, not what further CPUs bring. Time goes on from batch to batch, so fast
// that about N transactions linger: as many end as begin, and what their timers cost is the last
// stage of each call.
#include <x86intrin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace {

using tests::Datagram;
using tests::Node;
using tests::RequestText;

constexpr size_t kBatch = 64;             // calls under way at a time
constexpr size_t kTurns = 16;             // enough for the timers of a batch
constexpr uint64_t kLingerUs = 32000000;  // timers J, L and M
constexpr uint32_t kShortT1Ms = 10;       // where nothing is to linger from one batch to the next
constexpr size_t kTransactions = 2;       // that a call leaves: INVITE and BYE

const sipcore::Endpoint kCaller = tests::endpoint("198.18.0.10:5060");
const sipcore::Endpoint kTandem = tests::endpoint(tests::kListen);
const char kSdp[] =
    "v=0\r\no=- 3344 3344 IN IP4 198.18.0.10\r\ns=-\r\nc=IN IP4 198.18.0.10\r\nt=0 0\r\n"
    "m=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n";

struct Stage {
  const char* name;
  uint64_t cycles = 0, messages = 0;
};

struct Shape {
  size_t calls = 100000;
  size_t lingering = 0;
  size_t destinations = 3;
  size_t workers = 1;
};

class Calls {
 public:
  explicit Calls(const Shape& shape)
      : node_({.workers = shape.workers,
               .backends = shape.destinations,
               .limits = {65536, 65536, shape.lingering + 65536, 65536},
               .packets = 8192,
               .poison = false}),
        workers_(shape.workers),
        batch_us_(shape.lingering == 0 ? (64 * kShortT1Ms + 20) * 1000
                                       : kLingerUs * kTransactions * kBatch / shape.lingering) {
    if (shape.lingering > 0) return;
    node_.configure([](auto& config) { config.timers.t1_ms = kShortT1Ms; });
  }

  void run_batch() {
    std::vector<Datagram> invites = requests(feed(kInvite, begin()));
    feed(kRinging, responses(invites, 180));
    feed(kAnswer, responses(invites, 200));
    feed(kAck, in_dialog(invites, "ACK", 1));
    std::vector<Datagram> byes = requests(feed(kBye, in_dialog(invites, "BYE", 2)));
    feed(kByeAnswer, responses(byes, 200));
    first_ += kBatch;
    end_transactions();
  }
  void reset() {
    for (Stage& stage : stages_) stage.cycles = stage.messages = 0;
  }
  void print() const {
    Stage all{"a whole call, each message"};
    for (const Stage& stage : stages_) {
      print(stage);
      all.cycles += stage.cycles;
      if (&stage != &stages_[kTimers]) all.messages += stage.messages;
    }
    print(all);
  }
  size_t transactions() const { return node_.transactions(); }

 private:
  enum Which { kInvite, kRinging, kAnswer, kAck, kBye, kByeAnswer, kTimers, kStages };

  static void print(const Stage& stage) {
    double each = static_cast<double>(stage.cycles) / static_cast<double>(stage.messages);
    std::printf("%-28s %10lu %12.0f\n", stage.name, stage.messages, each);
  }
  RequestText text(size_t i) const {
    std::string number = std::to_string(first_ + i);
    RequestText request;
    request.call_id = "call-" + number + "@198.18.0.10";
    request.via = "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bKcall" + number;
    return request;
  }
  std::vector<Datagram> begin() const {
    std::vector<Datagram> out;
    for (size_t i = 0; i < kBatch; ++i) {
      RequestText request = text(i);
      request.headers += "User-Agent: a telephone\r\nContent-Type: application/sdp\r\n";
      request.body = kSdp;
      out.push_back({kCaller, kTandem, tests::text_of(request)});
    }
    return out;
  }
  std::vector<Datagram> in_dialog(const std::vector<Datagram>& invites, const char* method,
                                  int cseq) const {
    std::vector<Datagram> out;
    for (size_t i = 0; i < kBatch; ++i) {
      RequestText request = text(i);
      request.method = method;
      request.uri = "sip:bob@198.18.0.21:5060";
      request.to += ";tag=bob";
      request.via += method;
      request.cseq = cseq;
      request.headers += "Route: ";
      request.headers += tests::header_of(invites[i].bytes, sipcore::HeaderName::kRecordRoute);
      request.headers += "\r\n";
      out.push_back({kCaller, kTandem, tests::text_of(request)});
    }
    return out;
  }
  static std::vector<Datagram> responses(const std::vector<Datagram>& requests, int status) {
    std::vector<Datagram> out;
    for (const Datagram& one : requests) {
      out.push_back({one.to, kTandem, tests::response_to(one.bytes, status, "bob")});
    }
    return out;
  }
  static size_t number_of(const std::string& message) {
    return std::stoul(tests::header_of(message, sipcore::HeaderName::kCallId).substr(5));
  }
  static std::vector<Datagram> requests(const std::vector<Datagram>& out) {
    std::vector<Datagram> some;
    for (const Datagram& one : out) {
      if (tests::status_of(one.bytes) == 0) some.push_back(one);
    }
    if (some.size() != kBatch) {
      std::fprintf(stderr, "%zu of %zu requests came out\n", some.size(), kBatch);
      std::exit(1);
    }
    // Each worker sends by itself: in the order of the calls again.
    std::sort(some.begin(), some.end(), [](const Datagram& a, const Datagram& b) {
      return number_of(a.bytes) < number_of(b.bytes);
    });
    return some;
  }
  std::vector<Datagram> feed(Which which, const std::vector<Datagram>& messages) {
    for (const Datagram& one : messages) node_.deliver(one);
    uint64_t start = __rdtsc();
    while (!node_.port(0).to_worker.empty()) poll();
    for (size_t rest = 0; workers_ > 1 && rest < kBatch / dataplane::kBurst; ++rest) poll();
    stages_[which].cycles += __rdtsc() - start;
    stages_[which].messages += messages.size();
    return node_.settle(now_ms_);
  }
  void poll() {
    for (size_t worker = 0; worker < workers_; ++worker) node_.poll_worker(worker, now_ms_);
  }
  void end_transactions() {
    now_us_ += batch_us_;
    now_ms_ = now_us_ / 1000;
    uint64_t start = __rdtsc();
    for (size_t turn = 0; turn < kTurns; ++turn) poll();
    stages_[kTimers].cycles += __rdtsc() - start;
    stages_[kTimers].messages += kBatch;
  }

  Node node_;
  const size_t workers_;
  const uint64_t batch_us_;
  uint64_t now_us_ = 1000000, now_ms_ = 1000;
  size_t first_ = 0;
  Stage stages_[kStages] = {{"INVITE"}, {"180"},        {"200 to INVITE"},       {"ACK"},
                            {"BYE"},    {"200 to BYE"}, {"the timers of a call"}};
};

}  // namespace

int main(int argc, char** argv) {
  Shape shape;
  const std::pair<const char*, size_t*> options[] = {{"--calls", &shape.calls},
                                                     {"--lingering", &shape.lingering},
                                                     {"--destinations", &shape.destinations},
                                                     {"--workers", &shape.workers}};
  for (int i = 1; i + 1 < argc; i += 2) {
    for (const auto& [name, value] : options) {
      if (std::strcmp(argv[i], name) == 0) *value = std::strtoull(argv[i + 1], nullptr, 10);
    }
  }
  Calls node(shape);
  // As many calls as linger, and half as many again: the tables are as full as they will be.
  for (size_t done = 0; done < std::max(shape.lingering / kTransactions * 3 / 2, 10 * kBatch);
       done += kBatch) {
    node.run_batch();
  }
  size_t held = node.transactions();
  node.reset();
  for (size_t done = 0; done < shape.calls; done += kBatch) node.run_batch();
  std::printf("%-28s %10s %12s\n", "message received", "messages", "cycles each");
  node.print();
  std::printf("%zu transactions lingered at the start, %zu at the end\n", held,
              node.transactions());
  return 0;
}
