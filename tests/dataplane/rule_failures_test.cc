// Rules for calls that have failed, and the limits that rules and groups hold.
#include "tests/dataplane/rules_fixture.h"

namespace tests {
namespace {

// Busy goes to voicemail.
TEST_F(RuleTest, SendAFailureElsewhere) {
  Rule mark = rule_for(Kind::kMethod, "INVITE");
  mark.mark = 1;
  Rule busy = rule_for(Kind::kStatus, "486");
  busy.marked = 1;
  busy.verdict = Verdict::kGroup;
  busy.group = 1;
  busy.prefix = "vm-";
  use({mark}, {}, {busy});
  ASSERT_EQ(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 486, "bob"));
  ASSERT_EQ(out.size(), 2u);  // ACK, and the INVITE to the mailbox
  EXPECT_TRUE(out[1].bytes.starts_with("INVITE sip:vm-bob@198.18.0.1 SIP/2.0\r\n"));
  EXPECT_NE(out[1].to, backend(0));
  EXPECT_EQ(node.count(Count::rerouted), 1u);
  auto answer = from_backend(out[1], response_to(out[1].bytes, 200, "vm"));
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(status_of(answer[0].bytes), 200);
  EXPECT_EQ(node.count(Count::calls_answered), 1u);
}

// Who sent the request is known without a rule on requests.
TEST_F(RuleTest, KnowWhoseCallHasFailed) {
  Rule trunk = sends_to(1, Kind::kStatus, "486");
  trunk.marked = 4;
  use({}, {}, {trunk});
  for (bool from_trunk : {true, false}) {
    mark_source(4, from_trunk ? kCaller.ip : endpoint("198.18.0.99").ip);
    ASSERT_EQ(begin(from_trunk ? 1 : 2), 0);
    auto out = from_backend(last, response_to(last.bytes, 486, "bob"));
    bool goes_on = status_of(out.back().bytes) == 0 && method_of(out.back().bytes) == "INVITE";
    EXPECT_EQ(goes_on, from_trunk);
  }
}

TEST_F(RuleTest, LetAFailureThroughThatNobodyElseTakes) {
  Rule busy = sends_to(1, Kind::kStatus, "4");
  use({}, {}, {busy});
  ASSERT_EQ(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 486, "bob"));
  ASSERT_EQ(out.size(), 2u);
  ASSERT_EQ(method_of(out[1].bytes), "INVITE");
  out = from_backend(out[1], response_to(out[1].bytes, 480, "bob"));
  EXPECT_EQ(status_of(out.back().bytes), 486);
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(node.destination(i).in_use());
}

// RFC 3261 16.7 step 5.
TEST_F(RuleTest, AskNobodyAfterA6xx) {
  Rule busy = sends_to(1, Kind::kStatus, "6");
  use({}, {}, {busy});
  ASSERT_EQ(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 600, "bob"));
  EXPECT_EQ(status_of(out.back().bytes), 600);
}

TEST_F(RuleTest, AnswerAFailureOtherwise) {
  Rule translate = rejects_with(480, Kind::kStatus, "404");
  translate.reason = "Not here";
  use({}, {}, {translate});
  ASSERT_EQ(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 404, "bob"));
  EXPECT_TRUE(out.back().bytes.starts_with("SIP/2.0 480 Not here\r\n"));
  RequestText ack = request(1);
  ack.method = "ACK";
  EXPECT_TRUE(from_caller(text_of(ack)).empty());
}

TEST_F(RuleTest, DoNotSendACancelledCallElsewhere) {
  Rule any = sends_to(1, Kind::kStatus, "4");
  use({}, {}, {any});
  ASSERT_EQ(begin(1), 0);
  from_backend(last, response_to(last.bytes, 180, "bob"));
  RequestText cancel = request(1);
  cancel.method = "CANCEL";
  from_caller(text_of(cancel));
  auto out = from_backend(last, response_to(last.bytes, 487, "bob"));
  EXPECT_EQ(status_of(out.back().bytes), 487);
}

control::link::CallLimit limit_of(uint32_t capacity, uint32_t per_s = 0) {
  control::link::CallLimit limit;
  limit.capacity = capacity;
  limit.call_rate.peak = {per_s, std::max(per_s, 1U)};
  limit.slot = kLimitSlot;
  return limit;
}

// Two calls at a time at backend 0, what is more goes to a group of the others behind it.
void limit_first_of_two(RunningConfig& config) {
  control::link::Group behind = config.groups[0];
  behind.destinations.erase(behind.destinations.begin());
  config.groups[0].destinations.resize(1);
  config.groups[0].limit = limit_of(2);
  config.groups[0].fallback = 1;
  config.groups.push_back(behind);
}

// Every way to end a call gives back the place that its rule has given it.
TEST_F(RuleTest, LimitCallsAtATime) {
  use({rule_for(Kind::kUser, "")}, {}, {}, limit_of(1));
  auto refused = [&](int call) { return only_status(text_of(request(call))) == 480; };
  ASSERT_EQ(begin(1), 0);
  EXPECT_TRUE(refused(2));
  EXPECT_EQ(node.count(Count::rejected_limit), 1u);
  refuse();
  EXPECT_EQ(limited(), 0u);
  ASSERT_EQ(begin(3), 0);
  answer();
  EXPECT_EQ(limited(), 1u);
  EXPECT_TRUE(refused(4));
  hang_up();
  EXPECT_EQ(limited(), 0u);
  ASSERT_EQ(begin(5), 0);
  wait(40000);  // silence
  EXPECT_EQ(limited(), 0u);
  node.destination(0).admin = control::link::Admin::kDisabled;
  EXPECT_EQ(begin(6), -1);  // nobody to ask
  EXPECT_EQ(limited(), 0u);
}

TEST_F(RuleTest, LimitNewCalls) {
  use({rule_for(Kind::kUser, "")}, {}, {}, limit_of(0, 2));
  EXPECT_EQ(begin(1), 0);
  EXPECT_EQ(begin(2), 0);
  auto out = from_caller(text_of(request(3)));
  EXPECT_EQ(status_of(out.at(0).bytes), 480);
  wait(1000);
  EXPECT_EQ(begin(4), 0);
}

// Three in a minute, two of them at once: whichever window is full refuses.
TEST_F(RuleTest, LimitNewCallsOverALongerTime) {
  auto limit = limit_of(0, 2);
  limit.call_rate.sustained = {3, 3, 60};
  use({rule_for(Kind::kUser, "")}, {}, {}, limit);
  EXPECT_EQ(begin(1), 0);
  EXPECT_EQ(begin(2), 0);
  auto refused = [&](int call) { return only_status(text_of(request(call))) == 480; };
  EXPECT_TRUE(refused(3));
  wait(1000);
  EXPECT_EQ(begin(4), 0);
  for (int i = 5; i < 25; ++i) EXPECT_TRUE(refused(i));
  wait(20000);
  EXPECT_EQ(begin(25), 0);
  EXPECT_TRUE(refused(26));
}

// What nobody got has taken nothing: neither where all are down, nor where all breakers are open.
TEST_F(RuleTest, NoTurnOfAGroupIsLostOnACallThatNobodyGets) {
  node.configure([&](RunningConfig& config) {
    config.groups[0].destinations.resize(1);
    config.groups[0].limit = limit_of(0);
    config.groups[0].limit.call_rate.sustained = {1, 1, 3600};
  });
  node.destination(0).admin = control::link::Admin::kDisabled;
  for (int i = 1; i <= 5; ++i) EXPECT_EQ(begin(i), -1);
  node.destination(0).admin = control::link::Admin::kEnabled;
  node.destination(0).breaker = sipcore::Breaker().held(now, 0).failed(now, {1, 60000}).word();
  EXPECT_EQ(begin(6), 0);
  EXPECT_EQ(begin(7), -1);
}

// A group that is full is one that has nobody left.
TEST_F(RuleTest, GroupsHaveLimits) {
  node.configure(limit_first_of_two);
  answered_calls(2);
  EXPECT_EQ(limited(), 2u);
  EXPECT_GT(begin(10), 0);
  EXPECT_EQ(limited(), 2u);
}

// A call that went on to the group behind gives its place in the first one back.
TEST_F(RuleTest, ACallHoldsAPlaceInOneGroup) {
  node.configure(limit_first_of_two);
  ASSERT_EQ(begin(1), 0);
  EXPECT_EQ(limited(), 1u);
  auto out = from_backend(last, response_to(last.bytes, 503, "bob"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(limited(), 0u);
  last = out[1];
  answer();
  EXPECT_EQ(limited(), 0u);
}

TEST_F(RuleTest, AreHeardOfInTheLog) {
  Rule rule = rule_for(Kind::kUser, "");
  rule.log = true;
  use({rule});
  begin(1);
  control::link::ToControl message;
  bool logged = false;
  while (node.exchange().to_control[0]->pop(message)) {
    logged |= message.what == control::link::ToControl::What::kRule && message.rule == 0 &&
              message.address == kCaller.ip;
  }
  EXPECT_TRUE(logged);
}

}  // namespace
}  // namespace tests
