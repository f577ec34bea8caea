// Who is asked when a destination has failed: codes of the group, and the group behind the group.
#include <gtest/gtest.h>

#include "tests/dataplane/balance_fixture.h"

namespace tests {
namespace {

using control::link::Admin;
using control::link::Algorithm;
using control::link::RunningConfig;

TEST_F(BalanceTest, FailoverCodesAreTheGroups) {
  configure([](Group& group) {
    group.failover_codes.reset();
    group.failover_codes.set(480).set(500);
    group.tries = 2;
  });
  for (int status : {480, 500}) {
    ASSERT_GE(begin(status), 0);
    auto out = from_backend(last, response_to(last.bytes, status, "bob"));
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(method_of(out[1].bytes), "INVITE");
    EXPECT_NE(out[1].to, last.to);
    out = from_backend(out[1], response_to(out[1].bytes, status, "bob"));
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(status_of(out[1].bytes), status);
  }
  ASSERT_GE(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 503, "bob"));
  EXPECT_EQ(status_of(out.back().bytes), 500) << "others are left";
}

// RFC 3261 16.7 step 6: a 503 of ours, with its Retry-After, would have the caller's proxy keep all
// calls from a node that could place them.
TEST_F(BalanceTest, Status503OfThoseThatWereAskedIs500WhileOthersAreLeft) {
  for (size_t tries : {2, 3}) {
    configure([&](Group& group) { group.tries = static_cast<uint8_t>(tries); });
    ASSERT_GE(begin(static_cast<int>(tries)), 0);
    auto out = from_backend(last, response_to(last.bytes, 503, "bob"));
    for (size_t more = 1; more < tries; ++more) {
      out = from_backend(out.back(), response_to(out.back().bytes, 503, "bob"));
    }
    EXPECT_EQ(status_of(out.back().bytes), tries == 2 ? 500 : 503);
    EXPECT_EQ(header_of(out.back().bytes, sipcore::HeaderName::kRetryAfter), tries == 2 ? "" : "5");
  }
}

// One that refuses everything has its turn, no more; the others share what it leaves.
TEST_F(BalanceTest, WhoRefusesGetsNoTurnOfOthers) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kRoundRobin;
    group.breaker.failures = 0;
  });
  for (int i = 0; i < 300; ++i) {
    ASSERT_GE(begin(i), 0);
    if (last.to == backend(0)) {
      auto out = from_backend(last, response_to(last.bytes, 503, "bob"));
      ASSERT_EQ(out.size(), 2u);
      last = out[1];
    }
    refuse();
  }
  EXPECT_EQ(node.destination(0).begun, 100u);
  EXPECT_EQ(node.destination(1).begun, 150u);
  EXPECT_EQ(node.destination(2).begun, 150u);
}

TEST_F(BalanceTest, FailureOfOneBranchIsCountedOnce) {
  configure([](Group& group) { group.algorithm = Algorithm::kRoundRobin; });
  ASSERT_EQ(begin(1), 0);
  Datagram first = last;
  wait(2100);
  from_backend(first, response_to(first.bytes, 500, "bob"));
  EXPECT_EQ(node.destination(0).failed, 1u);
}

class FallbackTest : public BalanceTest {
 protected:
  // The first group has backend 0, the one behind it backends 1 and 2.
  void SetUp() override {
    node.configure([](RunningConfig& config) {
      Group behind = config.groups[0];
      behind.name = "behind";
      behind.destinations.erase(behind.destinations.begin());
      config.groups[0].destinations.resize(1);
      config.groups[0].fallback = 1;
      config.groups.push_back(behind);
    });
  }
};

TEST_F(FallbackTest, GetsWhatTheGroupCannotTake) {
  EXPECT_EQ(begin(1), 0);
  node.destination(0).admin = Admin::kDraining;
  EXPECT_GT(begin(2), 0);
}

TEST_F(FallbackTest, IsAskedWhenTheGroupHasFailed) {
  ASSERT_EQ(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 503, "bob"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_NE(out[1].to, backend(0));
  out = from_backend(out[1], response_to(out[1].bytes, 503, "bob"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(method_of(out[1].bytes), "INVITE");
  out = from_backend(out[1], response_to(out[1].bytes, 503, "bob"));
  EXPECT_EQ(status_of(out.back().bytes), 503);
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(node.destination(i).in_use());
}

// The 503 of the group behind is not ours while somebody in the first one was not asked.
TEST_F(FallbackTest, OthersMayBeLeftInTheFirstGroup) {
  for (bool full : {false, true}) {
    node.configure([&](RunningConfig& config) {
      Group behind = config.groups[0];
      behind.id = 7;
      behind.name = "behind";
      behind.destinations.erase(behind.destinations.begin(), behind.destinations.begin() + 2);
      config.groups[0].destinations.resize(2);
      if (full) config.groups[0].limit = {.capacity = 1, .slot = 9};
      config.groups[0].tries = 1;
      config.groups[0].fallback = 1;
      config.groups.push_back(behind);
    });
    ASSERT_GE(begin(full), 0);
    node.destination(9).calls = full ? 2 : 0;  // one of them is its own
    auto out = from_backend(last, response_to(last.bytes, 503, "bob"));
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(out[1].to, backend(2));
    out = from_backend(out[1], response_to(out[1].bytes, 503, "bob"));
    EXPECT_EQ(status_of(out.back().bytes), full ? 503 : 500);
  }
}

// A group whose breakers are open is the last resort, not the one behind it.
TEST_F(FallbackTest, IsAskedBeforeOneThatIsBroken) {
  node.destination(0).breaker = sipcore::Breaker().failed(now, {1, 60000, 60000}).word();
  for (int i = 0; i < 10; ++i) EXPECT_GT(begin(i), 0);
  node.destination(1).admin = Admin::kDisabled;
  node.destination(2).admin = Admin::kDisabled;
  EXPECT_EQ(begin(10), 0);
}

TEST_F(FallbackTest, OfParallelForkingIsAskedAsAWhole) {
  node.configure([](RunningConfig& config) {
    Group behind = config.groups[0];
    behind.name = "behind";
    behind.algorithm = Algorithm::kParallel;
    behind.destinations.erase(behind.destinations.begin());
    config.groups[0].destinations.resize(1);
    config.groups[0].fallback = 1;
    config.groups.push_back(behind);
  });
  ASSERT_EQ(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 503, "bob"));
  ASSERT_EQ(out.size(), 3u);  // the ACK, and two INVITEs
  EXPECT_NE(out[1].to, out[2].to);
}

// The best failure decides, not the last: who is busy is busy, whatever others say later.
TEST_F(FallbackTest, IsNotAskedWhenSomebodyWasBusy) {
  node.configure([](RunningConfig& config) {
    Group behind = config.groups[0];
    behind.name = "behind";
    behind.destinations.resize(1);
    config.groups[0].destinations.erase(config.groups[0].destinations.begin());
    config.groups[0].algorithm = Algorithm::kParallel;
    config.groups[0].fallback = 1;
    config.groups.push_back(behind);
  });
  auto out = from_caller(text_of(request(1)));
  ASSERT_EQ(out.size(), 3u);
  from_backend(out[1], response_to(out[1].bytes, 486, "b"));
  auto after = from_backend(out[2], response_to(out[2].bytes, 503, "b"));
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(status_of(after[1].bytes), 486);
}

// A reload may have moved the group that a request is under way in.
TEST_F(FallbackTest, GroupThatMovedMeanwhileIsFoundAgain) {
  node.configure([](RunningConfig& config) {
    Group before = config.groups[0];
    before.name = "before";
    config.groups.insert(config.groups.begin(), before);
    config.listens[0].group = 1;
  });
  ASSERT_GE(begin(1), 0);
  node.configure([](RunningConfig&) {});
  auto out = from_backend(last, response_to(last.bytes, 503, "bob"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(method_of(out[1].bytes), "INVITE");
}

TEST_F(FallbackTest, ListenAddressHasItsOwnGroup) {
  node.configure([](RunningConfig& config) {
    config.groups.push_back(config.groups[0]);
    config.groups[1].name = "second";
    config.groups[1].destinations = {config.groups[0].destinations[2]};
    config.listens[0].group = 1;
  });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(begin(i), 2);
}

}  // namespace
}  // namespace tests
