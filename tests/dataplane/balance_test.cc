// Which destination gets a call: each algorithm's distribution, priorities, limits, fallback.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Admin;
using control::link::Algorithm;
using control::link::Count;
using control::link::Group;
using control::link::RunningConfig;
using sipcore::HashOf;
using sipcore::HeaderName;

class BalanceTest : public CallTest {
 protected:
  void configure(const std::function<void(Group&)>& change) {
    node.configure([&](RunningConfig& config) { change(config.groups[0]); });
  }
  RequestText request(int call) {
    RequestText out;
    std::string number = std::to_string(call);
    out.call_id = "call-" + number;
    out.via += number;
    return out;
  }
  // A call that rings; which backend it rings at, -1: none, refused.
  int begin(RequestText text) {
    auto out = from_caller(text_of(text));
    if (out.size() != 2) {
      EXPECT_EQ(out.size(), 1u);
      EXPECT_EQ(out.empty() ? 0 : status_of(out[0].bytes), 503);
      return -1;
    }
    last = out[1];
    for (int i = 0; i < 3; ++i) {
      if (last.to == backend(static_cast<size_t>(i))) return i;
    }
    return -2;
  }
  int begin(int call) { return begin(request(call)); }
  void refuse(int status = 486) { from_backend(last, response_to(last.bytes, status, "bob")); }
  void answer() { from_backend(last, response_to(last.bytes, 200, "bob")); }
  void hang_up(int status = 200) {
    RequestText bye = in_dialog("BYE", last, 2);
    bye.call_id = header_of(last.bytes, HeaderName::kCallId);
    bye.via += bye.call_id;
    auto out = from_caller(text_of(bye));
    ASSERT_EQ(out.size(), 1u);
    from_backend(out[0], response_to(out[0].bytes, status, "bob"));
  }
  // So many calls that are refused at once; how many each backend got.
  std::vector<int> spread(int calls, int first = 0) {
    std::vector<int> got(3, 0);
    for (int i = first; i < first + calls; ++i) {
      int at = begin(i);
      if (at < 0) continue;
      ++got[static_cast<size_t>(at)];
      refuse();
      wait(40);
    }
    return got;
  }
  uint32_t calls(size_t i) { return node.destination(i).calls; }

  Datagram last;
};

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

TEST_F(BalanceTest, LeastCallsGivesNewCallsToTheOneThatLostIts) {
  configure([](Group& group) { group.algorithm = Algorithm::kLeastCalls; });
  std::vector<Datagram> up;
  for (int i = 0; i < 30; ++i) {
    ASSERT_GE(begin(i), 0);
    answer();
    up.push_back(last);
  }
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

TEST_F(BalanceTest, WorkEndsWithTheFinalResponse) {
  configure([](Group& group) { group.algorithm = Algorithm::kLeastWork; });
  ASSERT_GE(begin(1), 0);
  from_backend(last, response_to(last.bytes, 180, "bob"));
  EXPECT_TRUE(node.destination(0).in_use() || node.destination(1).in_use() ||
              node.destination(2).in_use());
  refuse();
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(node.destination(i).in_use());
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

TEST_F(BalanceTest, ParallelAsksAllAndTheFirstAnswerWins) {
  configure([](Group& group) { group.algorithm = Algorithm::kParallel; });
  auto out = from_caller(text_of(request(1)));
  ASSERT_EQ(out.size(), 4u);
  std::vector<sipcore::Endpoint> asked;
  for (size_t i = 1; i < 4; ++i) asked.push_back(out[i].to);
  std::sort(asked.begin(), asked.end());
  EXPECT_EQ(asked, (std::vector{backend(0), backend(1), backend(2)}));
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(from_backend(out[i], response_to(out[i].bytes, 180, "b")).size(), 1u);
  }
  auto after = from_backend(out[2], response_to(out[2].bytes, 200, "b"));
  ASSERT_EQ(after.size(), 3u);
  EXPECT_EQ(after[0].to, kCaller);
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(method_of(after[i].bytes), "CANCEL");
    EXPECT_NE(after[i].to, out[2].to);
  }
}

// The best failure goes up when all have failed, and the group behind this one is asked first.
TEST_F(BalanceTest, ParallelFailsWhenAllHave) {
  configure([](Group& group) { group.algorithm = Algorithm::kParallel; });
  auto out = from_caller(text_of(request(1)));
  ASSERT_EQ(out.size(), 4u);
  from_backend(out[1], response_to(out[1].bytes, 486, "b"));
  from_backend(out[2], response_to(out[2].bytes, 404, "b"));
  auto after = from_backend(out[3], response_to(out[3].bytes, 480, "b"));
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(status_of(after[1].bytes) / 100, 4);
  wait(70000);
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(node.destination(i).in_use());
}

// A hard limit: the call that would be one too many goes elsewhere, or nowhere.
TEST_F(BalanceTest, CapacityIsNeverExceeded) {
  configure([](Group& group) {
    for (auto& one : group.destinations) one.capacity = 2;
  });
  std::vector<Datagram> up;
  for (int i = 0; i < 6; ++i) {
    ASSERT_GE(begin(i), 0);
    answer();
    up.push_back(last);
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(calls(i), 2u);
  EXPECT_EQ(begin(100), -1);
  EXPECT_EQ(node.count(Count::rejected_no_backend), 1u);
  last = up[3];
  hang_up();
  EXPECT_GE(begin(101), 0);
  EXPECT_EQ(begin(102), -1);
}

// In-set-up calls count as well, and every way to end one gives its place back.
TEST_F(BalanceTest, EveryEndOfACallGivesItsPlaceBack) {
  node.configure([](RunningConfig& config) {
    config.groups[0].destinations.resize(1);
    config.groups[0].destinations[0].capacity = 1;
    config.longest_call_s = 100;
  });
  ASSERT_EQ(begin(1), 0);
  EXPECT_EQ(begin(2), -1);
  refuse();
  ASSERT_EQ(begin(3), 0);  // refused
  from_backend(last, response_to(last.bytes, 180, "bob"));
  RequestText cancel = request(3);
  cancel.method = "CANCEL";
  from_caller(text_of(cancel));
  from_backend(last, response_to(last.bytes, 487, "bob"));
  ASSERT_EQ(begin(4), 0);  // cancelled
  node.unreachable(last);
  node.settle(now);
  ASSERT_EQ(begin(5), 0);  // unreachable
  wait(40000);
  ASSERT_EQ(begin(6), 0);  // silent
  answer();
  hang_up();
  ASSERT_EQ(begin(7), 0);  // ended by the caller
  answer();
  from_backend(last, text_of([&] {
                 RequestText bye = bye_of_callee(last, "sip:alice@198.18.0.10:5060");
                 bye.call_id = "call-7";
                 return bye;
               }()));
  wait(40000);
  ASSERT_EQ(begin(8), 0);  // ended by the callee, whose BYE nobody answered
  answer();
  wait(99000);
  EXPECT_EQ(begin(9), -1);
  wait(2000 + dataplane::Dialogs::kRoundMs);
  EXPECT_EQ(node.count(Count::dialogs_expired), 1u);
  ASSERT_EQ(begin(10), 0);  // nothing was heard of it
}

TEST_F(BalanceTest, ChallengedByeEndsNothing) {
  configure([](Group& group) { group.destinations.resize(1); });
  ASSERT_EQ(begin(1), 0);
  answer();
  hang_up(401);
  EXPECT_EQ(calls(0), 1u);
  RequestText bye = in_dialog("BYE", last, 3);
  bye.call_id = "call-1";
  auto out = from_caller(text_of(bye));
  ASSERT_EQ(out.size(), 1u);
  from_backend(out[0], response_to(out[0].bytes, 481, "bob"));
  EXPECT_EQ(calls(0), 0u);
}

// A re-INVITE shows that the call is alive, and takes no second place.
TEST_F(BalanceTest, RefreshedCallStaysUp) {
  node.configure([](RunningConfig& config) {
    config.groups[0].destinations.resize(1);
    config.longest_call_s = 100;
  });
  ASSERT_EQ(begin(1), 0);
  answer();
  for (int i = 0; i < 5; ++i) {
    wait(60000);
    RequestText again = in_dialog("INVITE", last, 3 + i);
    again.call_id = "call-1";
    auto out = from_caller(text_of(again));
    ASSERT_EQ(out.size(), 2u);
    from_backend(out[1], response_to(out[1].bytes, 200, "bob"));
    EXPECT_EQ(calls(0), 1u);
  }
  EXPECT_EQ(node.count(Count::dialogs_expired), 0u);
}

// Two 2xx of one INVITE, from behind another proxy: one call in our books.
TEST_F(BalanceTest, SecondDialogOfABranchTakesNoPlace) {
  configure([](Group& group) { group.destinations.resize(1); });
  ASSERT_EQ(begin(1), 0);
  answer();
  from_backend(last, response_to(last.bytes, 200, "other"));
  from_backend(last, response_to(last.bytes, 200, "bob"));
  EXPECT_EQ(calls(0), 1u);
  EXPECT_EQ(node.dialogs(), 1u);
}

// RFC 2543: it has no name by which a BYE could end it.
TEST_F(BalanceTest, AnswerWithoutAToTagTakesNoPlace) {
  configure([](Group& group) { group.destinations.resize(1); });
  ASSERT_EQ(begin(1), 0);
  answer();
  ASSERT_EQ(begin(2), 0);
  std::string ok = response_to(last.bytes, 200, "bob");
  ok.erase(ok.find(";tag=bob"), 8);
  EXPECT_EQ(from_backend(last, ok).size(), 1u);
  EXPECT_EQ(calls(0), 1u);
  EXPECT_EQ(node.dialogs(), 1u);
}

// Another destination may have its slot by now.
TEST_F(BalanceTest, AnswerThatIsRepeatedTellsNothingMore) {
  configure([](Group& group) { group.destinations.resize(1); });
  ASSERT_EQ(begin(1), 0);
  std::string busy = response_to(last.bytes, 503, "bob", "Retry-After: 9\r\n");
  from_backend(last, busy);
  node.destination(0).breaker = 0;
  from_backend(last, busy);
  EXPECT_EQ(node.destination(0).breaker, 0u);
}

TEST_F(BalanceTest, FullTableOfCallsIs503AndFreesNothingItShouldNot) {
  Node small({.limits = {64, 64, 64, 64, 2}});
  for (int i = 0; i < 3; ++i) {
    small.deliver({kCaller, kTandem, text_of(request(i))});
    auto out = small.settle(now);
    ASSERT_EQ(out.size(), i < 2 ? 2u : 1u);
    EXPECT_EQ(status_of(out[0].bytes), i < 2 ? 100 : 503);
    if (i < 2) small.deliver({out[1].to, kTandem, response_to(out[1].bytes, 200, "bob")});
    small.settle(now);
  }
  EXPECT_EQ(small.dialogs(), 2u);
  uint32_t held = 0;
  for (size_t i = 0; i < 3; ++i) held += small.destination(i).calls;
  EXPECT_EQ(held, 2u);
}

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
  EXPECT_EQ(status_of(out.back().bytes), 503);
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

// All others are broken: the one that is asked gets no more time than in serial forking.
TEST_F(BalanceTest, ParallelBranchThatIsAloneIsNotWaitedForWithoutEnd) {
  configure([](Group& group) { group.algorithm = Algorithm::kParallel; });
  uint64_t broken = sipcore::Breaker().failed(now, {1, 60000, 60000}).word();
  node.destination(0).breaker = broken;
  node.destination(1).breaker = broken;
  ASSERT_EQ(begin(1), 2);
  std::vector<sipcore::Endpoint> asked;
  for (const Datagram& one : wait(2100)) {
    if (one.to != backend(2) && one.to != kCaller) asked.push_back(one.to);
  }
  EXPECT_GE(asked.size(), 1u);
}

TEST_F(BalanceTest, FailureOfOneBranchIsCountedOnce) {
  configure([](Group& group) { group.algorithm = Algorithm::kRoundRobin; });
  ASSERT_EQ(begin(1), 0);
  Datagram first = last;
  wait(2100);
  from_backend(first, response_to(first.bytes, 500, "bob"));
  EXPECT_EQ(node.destination(0).failed, 1u);
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
