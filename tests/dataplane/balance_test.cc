// Which destination gets a call: each algorithm's distribution, priorities, bounds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/dataplane/balance_fixture.h"

namespace tests {
namespace {

using control::link::Admin;
using control::link::Algorithm;
using control::link::Count;
using control::link::RunningConfig;
using sipcore::HashOf;

// Within four standard deviations of a fair draw.
void expect_share(int got, int calls, double share) {
  double sigma = std::sqrt(calls * share * (1 - share));
  EXPECT_NEAR(got, calls * share, 4 * sigma + 1);
}

TEST_F(BalanceTest, RandomFollowsTheWeights) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kRandom;
    group.destinations[0].weight = 5;
    group.destinations[1].weight = 3;
    group.destinations[2].weight = 2;
  });
  auto got = spread(2000);
  expect_share(got[0], 2000, 0.5);
  expect_share(got[1], 2000, 0.3);
  expect_share(got[2], 2000, 0.2);
}

// Kamailio's relative weight: what one no longer gets goes to the others by their weights.
TEST_F(BalanceTest, WeightsAreThoseOfTheOnesThatAreLeft) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kRandom;
    group.destinations[0].weight = 5;
    group.destinations[1].weight = 3;
  });
  node.destination(0).admin = Admin::kDisabled;
  auto got = spread(2000);
  EXPECT_EQ(got[0], 0);
  expect_share(got[1], 2000, 0.75);
  expect_share(got[2], 2000, 0.25);
}

TEST_F(BalanceTest, WeightOfNothingGetsNothing) {
  for (auto algorithm :
       {Algorithm::kHash, Algorithm::kRoundRobin, Algorithm::kRandom, Algorithm::kLeastCalls,
        Algorithm::kLeastWork, Algorithm::kLowestLatency, Algorithm::kCongestion}) {
    configure([&](Group& group) {
      group.algorithm = algorithm;
      group.destinations[1].weight = 0;
    });
    auto got = spread(60, 1000 * static_cast<int>(algorithm));
    EXPECT_EQ(got[1], 0);
    EXPECT_GT(got[0], 0);
    EXPECT_GT(got[2], 0);
  }
}

TEST_F(BalanceTest, RoundRobinTakesTurns) {
  configure([](Group& group) { group.algorithm = Algorithm::kRoundRobin; });
  EXPECT_EQ(spread(300), (std::vector<int>{100, 100, 100}));
}

// Each part that may decide keeps together what is equal in it, and spreads what is not.
TEST_F(BalanceTest, HashKeepsTogetherWhatItIsTakenOf) {
  auto set = [](RequestText& text, HashOf of, const std::string& value) {
    if (of == HashOf::kCallId) text.call_id = value;
    if (of == HashOf::kFrom) text.from = "\"A, B\" <sip:" + value + "@example.com;x=1>;tag=alice";
    if (of == HashOf::kTo) text.to = "<sip:" + value + "@198.18.0.1>";
    if (of == HashOf::kRequestUri) text.uri = "sip:" + value + "@198.18.0.1";
    if (of == HashOf::kAuthUser) {
      text.headers += "Proxy-Authorization: Digest realm=\"username\", Username=\"" + value +
                      "\", nonce=\"1\"\r\n";
    }
    if (of == HashOf::kHeader) text.headers += "x-account : " + value + "\r\n";
  };
  int call = 0;
  for (auto of : {HashOf::kCallId, HashOf::kFrom, HashOf::kTo, HashOf::kRequestUri,
                  HashOf::kAuthUser, HashOf::kHeader}) {
    configure([&](Group& group) {
      group.algorithm = Algorithm::kHash;
      group.hash_of = of;
      group.hash_header = "X-Account";
    });
    std::vector<int> got(3, 0);
    for (int user = 0; user < 300; ++user) {
      int first = -1;
      for (int again = 0; again < 2; ++again) {
        RequestText text = request(++call);
        set(text, of, "user" + std::to_string(user));
        int at = begin(text);
        ASSERT_GE(at, 0);
        refuse();
        if (again == 0) first = at;
        EXPECT_EQ(at, first) << "of " << static_cast<int>(of);
      }
      ++got[static_cast<size_t>(first)];
      wait(100);
    }
    for (int one : got) expect_share(one, 300, 1.0 / 3);
  }
}

// Without credentials or the header field it is the Call-ID.
TEST_F(BalanceTest, HashOfWhatIsNotThereSpreads) {
  for (auto of : {HashOf::kAuthUser, HashOf::kHeader}) {
    configure([&](Group& group) {
      group.hash_of = of;
      group.hash_header = "X-Account";
    });
    for (int one : spread(300, 1000 * static_cast<int>(of))) expect_share(one, 300, 1.0 / 3);
  }
}

// One caller with more calls than his destination's fair share: the rest of them goes elsewhere.
TEST_F(BalanceTest, BoundedLoadPassesOverTheOneThatHasMoreThanItsShare) {
  configure([](Group& group) {
    group.hash_of = HashOf::kFrom;
    group.bounded_load_percent = 150;
  });
  for (int i = 0; i < 90; ++i) {
    ASSERT_GE(begin(i), 0);
    answer();
  }
  uint32_t most = 0, sum = 0;
  for (size_t i = 0; i < 3; ++i) {
    most = std::max(most, calls(i));
    sum += calls(i);
  }
  EXPECT_EQ(sum, 90u);
  EXPECT_LE(most, 46u);
  EXPECT_GE(most, 44u);
}

TEST_F(BalanceTest, BoundedLoadCountsThoseWhoAreThere) {
  configure([](Group& group) {
    group.bounded_load_percent = 120;
    group.destinations[0].priority = 5;
    group.destinations[1].priority = 5;
  });
  node.destination(1).admin = Admin::kDisabled;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(begin(i), 0) << "the only one has no more than its share";
    answer();
  }
}

TEST_F(BalanceTest, LeastCallsFillsUpByCapacity) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kLeastCalls;
    group.destinations[0].capacity = 60;
    group.destinations[1].capacity = 30;
    group.destinations[2].capacity = 10;
  });
  for (int i = 0; i < 50; ++i) {
    ASSERT_GE(begin(i), 0);
    answer();
  }
  EXPECT_NEAR(calls(0), 30, 1);
  EXPECT_NEAR(calls(1), 15, 1);
  EXPECT_NEAR(calls(2), 5, 1);
}

// No number of calls compares with none: where not all have a limit, weights count.
TEST_F(BalanceTest, LeastCallsGoesByWeightWhereOneHasNoCapacity) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kLeastCalls;
    group.destinations[0].capacity = 60;
  });
  answered_calls(30);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(calls(i), 10u);
}

TEST_F(BalanceTest, LeastCallsGivesNewCallsToTheOneThatLostIts) {
  configure([](Group& group) { group.algorithm = Algorithm::kLeastCalls; });
  std::vector<Datagram> up = answered_calls(30);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(calls(i), 10u);
  for (const Datagram& one : up) {
    if (one.to != backend(1)) continue;
    last = one;
    hang_up();
  }
  EXPECT_EQ(calls(1), 0u);
  for (int i = 30; i < 40; ++i) {
    EXPECT_EQ(begin(i), 1);
    answer();
  }
}

// An INVITE counts 1.75, another request 1 (Jiang and others).
TEST_F(BalanceTest, LeastWorkWeighsInvitesMore) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kLeastWork;
    group.destinations.resize(2);
  });
  RequestText options = request(0);
  options.method = "OPTIONS";
  std::map<sipcore::Endpoint, uint32_t> quarters;
  for (int i = 1; i <= 44; ++i) {
    if (i % 2 == 0) {
      ASSERT_GE(begin(i), 0);
      quarters[last.to] += 7;
    } else {
      options.call_id = std::to_string(i);
      options.via += options.call_id;
      auto out = from_caller(text_of(options));
      ASSERT_EQ(out.size(), 1u);
      quarters[out[0].to] += 4;
    }
  }
  EXPECT_EQ(quarters[backend(0)], node.destination(0).work);
  EXPECT_NEAR(quarters[backend(0)], quarters[backend(1)], 7);
  EXPECT_EQ(quarters[backend(0)] + quarters[backend(1)], 22u * 11u);
}

// The slower one gets as much less as it is slower.
TEST_F(BalanceTest, LowestLatencyPrefersTheQuickOne) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kLowestLatency;
    group.destinations.resize(2);
  });
  int slow = 0;
  for (int i = 0; i < 200; ++i) {
    int at = begin(i);
    ASSERT_GE(at, 0);
    slow += at == 1;
    wait(at == 1 ? 80 : 10);
    refuse();
  }
  EXPECT_LT(slow, 10);
  EXPECT_GT(slow, 0);
  EXPECT_NEAR(node.destination(0).latency.lately_us.value(), 10000, 100);
}

// Without probes only calls can show that it is quick again: it gets one after a while.
TEST_F(BalanceTest, LowestLatencyTriesTheSlowOneAgain) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kLowestLatency;
    group.destinations.resize(2);
  });
  int got = 0;
  for (int i = 0; i < 2000; ++i) {
    int at = begin(i);
    bool late = at == 1 && got == 0;
    got += at == 1;
    wait(late ? 400 : 10);
    refuse();
  }
  EXPECT_GT(got, 100);
}

TEST_F(BalanceTest, CongestionTakesWeightFromTheOneThatGetsSlower) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kCongestion;
    group.destinations.resize(2);
  });
  auto run = [&](int first, uint64_t slow_ms) {
    int slow = 0;
    for (int i = first; i < first + 200; ++i) {
      int at = begin(i);
      slow += at == 1;
      wait(at == 1 ? slow_ms : 10);
      refuse();
    }
    return slow;
  };
  expect_share(run(0, 10), 200, 0.5);
  EXPECT_LT(run(1000, 100), 30);
}

TEST_F(BalanceTest, PriorityIsServedFirstAndByWeightWithin) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kRandom;
    group.destinations[0].priority = 10;
    group.destinations[0].weight = 3;
    group.destinations[1].priority = 20;
    group.destinations[2].priority = 10;
  });
  EXPECT_EQ(spread(50), (std::vector<int>{0, 50, 0}));
  node.destination(1).admin = Admin::kDisabled;
  auto got = spread(400, 1000);
  expect_share(got[0], 400, 0.75);
  expect_share(got[2], 400, 0.25);
}

}  // namespace
}  // namespace tests
