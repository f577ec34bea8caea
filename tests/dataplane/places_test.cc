// What a call holds in its destination: hard limits, and every way to give a place back.
#include <gtest/gtest.h>

#include "tests/dataplane/balance_fixture.h"

namespace tests {
namespace {

using control::link::Algorithm;
using control::link::Count;
using control::link::RunningConfig;
using sipcore::HeaderName;

// A hard limit: the call that would be one too many goes elsewhere, or nowhere.
TEST_F(BalanceTest, CapacityIsNeverExceeded) {
  configure([](Group& group) {
    for (auto& one : group.destinations) one.capacity = 2;
  });
  std::vector<Datagram> up = answered_calls(6);
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

// What a dead one was asked does not fill it until timer B ends: others have these calls. One that
// it does answer, late, is up and counts.
TEST_F(BalanceTest, PlacesOfASilentOneAreGivenBackWhenItIsGivenUp) {
  configure([](Group& group) {
    group.algorithm = Algorithm::kRoundRobin;
    group.destinations.resize(2);
    group.destinations[0].capacity = 1;
  });
  ASSERT_EQ(begin(1), 0);
  Datagram silent = last;
  wait(2500);
  EXPECT_EQ(calls(0), 0u);
  EXPECT_EQ(calls(1), 1u);
  EXPECT_EQ(node.destination(0).work, 1u) << "its slot stays its own";
  from_backend(silent, response_to(silent.bytes, 200, "bob"));
  EXPECT_EQ(calls(0), 1u);
  last = silent;
  hang_up();
  EXPECT_EQ(node.destination(0).rang, 1u);
  wait(40000);
  EXPECT_EQ(calls(0), 0u);
  EXPECT_EQ(calls(1), 0u);
  EXPECT_EQ(node.destination(0).work, 0u);
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

TEST_F(BalanceTest, WorkEndsWithTheFinalResponse) {
  configure([](Group& group) { group.algorithm = Algorithm::kLeastWork; });
  ASSERT_GE(begin(1), 0);
  from_backend(last, response_to(last.bytes, 180, "bob"));
  EXPECT_TRUE(node.destination(0).in_use() || node.destination(1).in_use() ||
              node.destination(2).in_use());
  refuse();
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(node.destination(i).in_use());
}

}  // namespace
}  // namespace tests
