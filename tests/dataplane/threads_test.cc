// Two workers in threads of their own, and a third thread that does what control does: publishes
// configurations, reports ICMP errors, reads counters. Run under the thread sanitizer too.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace tests {
namespace {

using control::link::CallLimit;
using control::link::Count;
using control::link::RunningConfig;

constexpr int kCalls = 400;

class ThreadsTest : public testing::Test {
 protected:
  // Lets both workers run until `done`, while control is as busy as it can be.
  void run_until(const std::function<bool()>& done) {
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (size_t worker = 0; worker < 2; ++worker) {
      threads.emplace_back([&, worker] {
        while (!stop.load(std::memory_order_relaxed)) node_.poll_worker(worker, 1000);
      });
    }
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (uint32_t round = 0; !done() && std::chrono::steady_clock::now() < deadline; ++round) {
      node_.configure([&](control::link::RunningConfig& config) {
        config.groups[0].destinations[round % 3].weight = 1 + round % 5;
        limits_(config);
      });
      control::link::ToWorker error;
      error.branch = {static_cast<uint8_t>(round % 2), round % 64, 0xffffffff, 0};
      node_.exchange().to_worker[round % 2]->push(error);  // a stale one: nothing may come of it
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(done());
  }

  void begin_calls() {
    for (int i = 0; i < kCalls; ++i) {
      RequestText request;
      request.call_id = "threads-" + std::to_string(i);
      request.via += std::to_string(i);
      node_.deliver({endpoint("198.18.0.10:5060"), endpoint(kListen), text_of(request)}, i % 2);
    }
  }

  // Of all calls `admitted` get through, `each` at every destination (0: however many), and all
  // places come back.
  void expect_exactly(uint64_t admitted, uint32_t each = 0) {
    node_.configure([&](RunningConfig& config) { limits_(config); });
    begin_calls();
    run_until([&] {
      return node_.count(Count::request_forwarded) + node_.count(Count::request_answered) == kCalls;
    });
    EXPECT_EQ(node_.count(Count::request_forwarded), admitted);
    EXPECT_EQ(node_.count(Count::rejected_no_backend) + node_.count(Count::rejected_limit),
              kCalls - admitted);
    for (size_t i = 0; i < 3 && each > 0; ++i) EXPECT_EQ(node_.destination(i).calls, each);
    size_t queue = 0;
    for (const Datagram& one : node_.settle(1000)) {
      if (method_of(one.bytes) != "INVITE" || status_of(one.bytes) != 0) continue;
      node_.deliver({one.to, endpoint(kListen), response_to(one.bytes, 486, "bob")}, ++queue % 2);
    }
    run_until([&] {
      return node_.count(Count::response_forwarded) + node_.count(Count::response_consumed) ==
             admitted;
    });
    node_.settle(1000);
    for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(node_.destination(i).in_use());
    EXPECT_FALSE(node_.destination(kLimitSlot).in_use());
  }

  // A rule for all requests.
  void limit_by_rule(RunningConfig& config, const CallLimit& limit) {
    if (rules_ == nullptr) {
      std::string fault;
      std::vector<sipcore::Rule> rules(1);
      rules_ = std::make_shared<const sipcore::RuleSet>(std::move(rules), size_t{3}, fault);
      EXPECT_EQ(fault, "");
    }
    config.rules.request = rules_;
    config.rules.policies = {{0, limit, 486}};
  }

  static constexpr uint16_t kLimitSlot = 100;
  std::function<void(RunningConfig&)> limits_ = [](RunningConfig&) {};
  std::shared_ptr<const sipcore::RuleSet> rules_;
  Node node_{{.workers = 2, .packets = 8192}};
};

TEST_F(ThreadsTest, CallsOverTwoWorkers) {
  begin_calls();
  run_until([&] { return node_.count(Count::request_forwarded) == kCalls; });
  std::vector<Datagram> out = node_.settle(1000);
  ASSERT_EQ(out.size(), 2u * kCalls);
  EXPECT_GT(node_.count(Count::handed_over), 0u);

  size_t queue = 0;
  for (const Datagram& one : out) {
    if (method_of(one.bytes) != "INVITE" || status_of(one.bytes) != 0) continue;
    node_.deliver({one.to, endpoint(kListen), response_to(one.bytes, 486, "bob")}, ++queue % 2);
  }
  run_until([&] {
    return node_.count(Count::response_forwarded) + node_.count(Count::response_consumed) == kCalls;
  });
  EXPECT_EQ(node_.settle(1000).size(), 2u * kCalls);  // an ACK down, the 486 up
  EXPECT_EQ(node_.count(Count::calls_failed), static_cast<uint64_t>(kCalls));
  for (uint64_t now = 1000; now < 120000; now += 100) node_.settle(now);
  EXPECT_EQ(node_.transactions(), 0u);
  EXPECT_EQ(node_.packets_in_use(), 0u);
}

// Both workers want the last places at the same time: all are given away, and none twice.
TEST_F(ThreadsTest, CapacityIsExactOverTwoWorkers) {
  limits_ = [](RunningConfig& config) {
    for (auto& one : config.groups[0].destinations) one.capacity = 50;
  };
  expect_exactly(150, 50);
}

TEST_F(ThreadsTest, CapacityOfAGroupIsExactOverTwoWorkers) {
  limits_ = [](RunningConfig& config) { config.groups[0].limit = {70, {}, kLimitSlot, nullptr}; };
  expect_exactly(70);
}

TEST_F(ThreadsTest, CapacityOfARuleIsExactOverTwoWorkers) {
  limits_ = [this](RunningConfig& config) { limit_by_rule(config, {80, {}, kLimitSlot, nullptr}); };
  expect_exactly(80);
}

// Time stands still: what may come at once comes in, and nothing more.
TEST_F(ThreadsTest, RatesAreExactOverTwoWorkers) {
  limits_ = [](RunningConfig& config) {
    for (auto& one : config.groups[0].destinations) one.call_rate.peak = {10, 30, 1};
  };
  expect_exactly(90, 30);
}

TEST_F(ThreadsTest, RateOfAGroupIsExactOverTwoWorkers) {
  limits_ = [](RunningConfig& config) {
    config.groups[0].limit = {0, {{10, 60, 1}, {}}, kLimitSlot, nullptr};
  };
  expect_exactly(60);
}

TEST_F(ThreadsTest, RateOfARuleIsExactOverTwoWorkers) {
  limits_ = [this](RunningConfig& config) {
    limit_by_rule(config, {0, {{10, 65, 1}, {}}, kLimitSlot, nullptr});
  };
  expect_exactly(65);
}

}  // namespace
}  // namespace tests
