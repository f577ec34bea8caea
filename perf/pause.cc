// How long does a reload keep a worker from its packets? The turn in which a worker takes over a
// new configuration beside the turn before it; in each a full burst of INVITEs waits, goes through
// a thousand rules and to one of a hundred destinations.
//
//   pause [RELOADS]
//
// What control does meanwhile is not part of it: nothing of that is waited for. Here the same CPU
// makes the configuration, so that some of it is in the caches already. An interruption by the
// machine hits one turn like the other.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "perf/load/histogram.h"
#include "sipcore/rules/rule_set.h"
#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace {

using control::link::RunningConfig;
using tests::Datagram;
using tests::Node;
using Clock = std::chrono::steady_clock;
using Rules = std::shared_ptr<const sipcore::RuleSet>;

constexpr size_t kDestinations = 100;
constexpr size_t kRules = 1000;
constexpr size_t kRuleSets = 4;  // in turn: compiling one takes longer than all else
constexpr size_t kWarmUp = 100;
constexpr uint32_t kShortT1Ms = 10;
constexpr uint32_t kUntilNothingLingersMs = 64 * kShortT1Ms + 20;

// One of customers by the beginning of their numbers, none of which calls.
Rules rules_of(size_t set) {
  std::vector<sipcore::Rule> rules;
  for (size_t i = 0; i < kRules; ++i) {
    sipcore::Condition condition;
    condition.field.kind = sipcore::Field::Kind::kUser;
    std::string prefix = "+49" + std::to_string(1000000 + kRules * set + i);
    condition.any.push_back({0, sipcore::Pattern::How::kPrefix, false, prefix});
    rules.emplace_back().conditions.push_back(condition);
  }
  std::string fault;
  auto out = std::make_shared<const sipcore::RuleSet>(rules, 1, fault);
  if (fault.empty()) return out;
  std::fprintf(stderr, "%s\n", fault.c_str());
  std::exit(1);
}

class Turns {
 public:
  Turns()
      : node_({.backends = kDestinations,
               .algorithm = control::link::Algorithm::kRoundRobin,
               .packets = 8192,
               .poison = false}) {
    for (size_t i = 0; i < kRuleSets; ++i) rules_.push_back(rules_of(i));
    publish();
  }

  void publish() {
    node_.configure([&](RunningConfig& config) {
      config.timers.t1_ms = kShortT1Ms;
      config.timers.timer_d_ms = kUntilNothingLingersMs;
      config.rules.request = rules_[published_++ % kRuleSets];
    });
  }
  // One turn with a full burst; the calls in it are refused and forgotten afterwards.
  uint64_t turn_ns() {
    for (size_t i = 0; i < dataplane::kBurst; ++i) node_.deliver(invite());
    auto start = Clock::now();
    node_.poll_worker(0, now_ms_);
    auto took = std::chrono::nanoseconds(Clock::now() - start);
    size_t sent_on = 0;
    for (const Datagram& one : node_.settle(now_ms_)) {
      if (tests::status_of(one.bytes) != 0) continue;
      ++sent_on;
      node_.deliver({one.to, kTandem, tests::response_to(one.bytes, 486, "bob")});
    }
    if (sent_on != dataplane::kBurst) {
      std::fprintf(stderr, "%zu INVITEs went on\n", sent_on);
      std::exit(1);
    }
    node_.settle(now_ms_);
    now_ms_ += kUntilNothingLingersMs;
    node_.settle(now_ms_);
    return static_cast<uint64_t>(took.count());
  }

 private:
  Datagram invite() {
    std::string number = std::to_string(++calls_);
    tests::RequestText request;
    request.call_id = "call-" + number;
    request.via = "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bK" + number;
    request.body.assign(200, 'x');
    return {kCaller, kTandem, tests::text_of(request)};
  }

  static inline const sipcore::Endpoint kCaller = tests::endpoint("198.18.0.10:5060");
  static inline const sipcore::Endpoint kTandem = tests::endpoint(tests::kListen);
  Node node_;
  std::vector<Rules> rules_;
  size_t published_ = 0, calls_ = 0;
  uint64_t now_ms_ = 1000;
};

void print(const char* name, const load::Histogram& turns) {
  auto us = [&](double part) { return static_cast<double>(turns.percentile(part)) / 1000; };
  std::printf("%-28s %12.1f %12.1f %12.1f\n", name, us(0.5), us(0.99), us(0.999));
}

}  // namespace

int main(int argc, char** argv) {
  size_t reloads = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10000;
  Turns node;
  for (size_t i = 0; i < kWarmUp; ++i) node.turn_ns();
  load::Histogram before, after;
  for (size_t i = 0; i < reloads; ++i) {
    before.add(node.turn_ns());
    node.publish();
    after.add(node.turn_ns());
  }
  std::printf("%-28s %12s %12s %12s\n", "a turn of 32 INVITEs, us", "p50", "p99", "p99.9");
  print("before a reload", before);
  print("that takes it over", after);
  return 0;
}
