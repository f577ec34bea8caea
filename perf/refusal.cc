// What it costs to refuse an INVITE, by the reason: cycles from the port to the drop or the answer,
// from 10,000 sources in turn. A call costs six messages (perf/worker); a refusal has to be far
// cheaper, or who floods the node wins.
//
//   refusal [MESSAGES [PART OF A REASON]]
#include <x86intrin.h>

#include <cstdio>
#include <cstring>
#include <functional>

#include "sipcore/rules/rule_set.h"
#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace {

using control::link::Networks;
using control::link::RunningConfig;
using tests::Datagram;
using tests::Node;

constexpr size_t kBatch = 64;
constexpr size_t kSources = 10000;

constexpr uint16_t kLimitSlot = 100;
const control::link::CallLimit kFull{.capacity = 1, .slot = kLimitSlot};

// By the user of the Request-URI.
sipcore::Rule rule_for_all() {
  sipcore::Condition condition;
  condition.field.kind = sipcore::Field::Kind::kUser;
  condition.any.push_back({0, sipcore::Pattern::How::kPrefix, false, "bo"});
  sipcore::Rule rule;
  rule.conditions.push_back(condition);
  return rule;
}

void use(Node& node, const sipcore::Rule& rule, const control::link::CallLimit& limit) {
  node.destination(kLimitSlot).calls = 1;
  node.configure([&](RunningConfig& config) {
    std::string fault;
    config.rules.policies = {{0, limit, 503}};
    config.rules.request = std::make_shared<const sipcore::RuleSet>(std::vector{rule}, 1, fault);
  });
}

class Refusals {
 public:
  Refusals(size_t messages, std::string only) : messages_(messages), only_(std::move(only)) {}

  // `backlog`: packets that always wait at the port, so that its end is never seen.
  void measure(const char* name, const std::function<void(Node&)>& prepare,
               const std::string& headers = {}, size_t backlog = 0) {
    if (std::string_view(name).find(only_) == std::string_view::npos) return;
    Node node({.packets = 8192, .poison = false});
    prepare(node);
    for (size_t i = 0; i < backlog; ++i) node.deliver(invite(i, headers));
    uint64_t cycles = 0, now_ms = kNowMs;
    size_t held = 0;         // by those that were admitted before
    size_t warm = kSources;  // each source has sent something, so that rates are used up
    for (size_t done = 0; done < warm + messages_; done += kBatch) {
      for (size_t i = 0; i < kBatch; ++i) node.deliver(invite(done + i, headers));
      uint64_t start = __rdtsc();
      while (node.port(0).to_worker.size() > backlog) node.poll_worker(0, now_ms);
      if (done >= warm) cycles += __rdtsc() - start;
      if (backlog == 0) node.settle(now_ms);
      if (done < warm) held = node.transactions();
      if (done < warm) now_ms += backlog > 0;
    }
    if (node.transactions() != held) std::fprintf(stderr, "%s: a refusal has left state\n", name);
    std::printf("%-28s %10zu %12.0f\n", name, messages_,
                static_cast<double>(cycles) / static_cast<double>(messages_));
  }

 private:
  static constexpr uint64_t kNowMs = 1000;

  static Datagram invite(size_t number, const std::string& headers) {
    size_t source = number % kSources;
    std::string ip = "198.18.0." + std::to_string(30 + source % 200);
    std::string port = std::to_string(2000 + source / 200);
    tests::RequestText text;
    text.call_id = "refused-" + std::to_string(number);
    text.via = "SIP/2.0/UDP " + ip + ":" + port + ";branch=z9hG4bK" + std::to_string(number);
    text.headers += headers;
    text.body.assign(200, 'x');
    return {tests::endpoint(ip + ":" + port), tests::endpoint(tests::kListen), text_of(text)};
  }

  size_t messages_;
  std::string only_;
};

}  // namespace

int main(int argc, char** argv) {
  size_t messages = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 200000;
  Refusals refusals(messages / kBatch * kBatch, argc > 2 ? argv[2] : "");
  std::printf("%-28s %10s %12s\n", "INVITE refused", "messages", "cycles each");
  refusals.measure("denied source", [](Node& node) {
    std::vector<control::link::Network> denied;
    for (uint32_t i = 0; i < 200000; ++i) {  // and as many others as a long list has
      auto ip = *sipcore::parse_ip("10.0.0.0");
      for (size_t byte = 1; byte < 4; ++byte) ip.bytes[byte] = static_cast<uint8_t>(i >> 8 * byte);
      denied.push_back({ip, 32});
    }
    denied.push_back(*control::link::parse_network("198.18.0.0/24"));
    node.exchange().denied.publish(std::make_unique<Networks>(denied, node.config().keys.token));
  });
  refusals.measure("source over its rate", [](Node& node) {
    node.configure([](RunningConfig& config) { config.protect.limits.requests = {1, 1}; });
  });
  refusals.measure(
      "overload, turned away", [](Node&) {}, {}, 64);
  refusals.measure(
      "scanner",
      [](Node& node) {
        node.configure([](RunningConfig& config) {
          config.protect.scanners = {"sipcli", "sundayddr", "friendly-scanner"};
        });
      },
      "User-Agent: friendly-scanner\r\n");
  refusals.measure("rejected by a rule, 403", [](Node& node) {
    sipcore::Rule rule = rule_for_all();
    rule.verdict = sipcore::Verdict::kReject;
    rule.status = 403;
    use(node, rule, {});
  });
  refusals.measure("limit of a rule, 503", [](Node& node) { use(node, rule_for_all(), kFull); });
  refusals.measure("limit of the group, 503", [](Node& node) {
    node.destination(kLimitSlot).calls = 1;
    node.configure([](RunningConfig& config) { config.groups.front().limit = kFull; });
  });
  refusals.measure("limits of destinations, 503", [](Node& node) {
    for (size_t i = 0; i < 3; ++i) node.destination(i).calls = 1;
    node.configure([](RunningConfig& config) {
      for (auto& one : config.groups.front().destinations) one.capacity = 1;
    });
  });
  refusals.measure("no destination left, 503", [](Node& node) {
    for (size_t i = 0; i < 3; ++i) node.destination(i).admin = control::link::Admin::kDisabled;
  });
  return 0;
}
