// Rules in the path of a call: where it goes, what is refused, what they change, and what limits
// hold.
#include "sipcore/rules/rule_set.h"

#include "tests/dataplane/balance_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using control::link::RunningConfig;
using sipcore::Field;
using sipcore::HeaderChange;
using sipcore::HeaderName;
using sipcore::Pattern;
using sipcore::Rule;
using sipcore::Verdict;
using Kind = Field::Kind;

constexpr uint16_t kLimitSlot = 100;

Rule rule_for(Kind kind, const std::string& prefix) {
  Rule rule;
  if (prefix.empty()) return rule;
  rule.conditions = {{{kind, ""}, {{0, Pattern::How::kPrefix, false, prefix}}}};
  return rule;
}

class RuleTest : public BalanceTest {
 protected:
  // Group 0 has backend 0, group 1 the others.
  void use(std::vector<Rule> request, std::vector<Rule> response = {},
           std::vector<Rule> failure = {}, control::link::CallLimit limit = {}) {
    node.configure([&](RunningConfig& config) {
      Group behind = config.groups[0];
      behind.name = "behind";
      behind.destinations.erase(behind.destinations.begin());
      config.groups[0].destinations.resize(1);
      config.groups.push_back(behind);
      config.rules.policies = {{0, limit, 480}};
      config.rules.request = compiled(request);
      config.rules.response = compiled(response);
      config.rules.failure = compiled(failure);
    });
  }
  std::shared_ptr<const sipcore::RuleSet> compiled(std::vector<Rule> rules) {
    if (rules.empty()) return nullptr;
    std::string fault;
    auto out = std::make_shared<const sipcore::RuleSet>(rules, 1, fault);
    EXPECT_EQ(fault, "");
    return out;
  }
  RequestText to_user(const std::string& user, int call = 1) {
    RequestText out = request(call);
    out.uri = "sip:" + user + "@198.18.0.1";
    return out;
  }
  uint32_t limited() { return node.destination(kLimitSlot).calls; }
};

TEST_F(RuleTest, SendToAGroup) {
  Rule rule = rule_for(Kind::kUser, "00");
  rule.verdict = Verdict::kGroup;
  rule.group = 1;
  use({rule});
  EXPECT_EQ(begin(to_user("123")), 0);
  EXPECT_GT(begin(to_user("00123", 2)), 0);
  EXPECT_EQ(node.exchange().rule_hits[0]->read(0), 1u);
}

TEST_F(RuleTest, RejectWithoutMakingState) {
  Rule rule = rule_for(Kind::kUser, "900");
  rule.verdict = Verdict::kReject;
  rule.status = 403;
  rule.reason = "No premium numbers";
  rule.retry_after_s = 60;
  use({rule});
  auto out = from_caller(text_of(to_user("900123")));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_TRUE(out[0].bytes.starts_with("SIP/2.0 403 No premium numbers\r\n"));
  EXPECT_EQ(header_of(out[0].bytes, HeaderName::kRetryAfter), "60");
  EXPECT_EQ(node.transactions(), 0u);
  EXPECT_EQ(node.count(Count::rejected_rule), 1u);
}

TEST_F(RuleTest, DropWithAName) {
  Rule rule = rule_for(Kind::kMethod, "MESSAGE");
  rule.verdict = Verdict::kDrop;
  use({rule});
  RequestText message = request(1);
  message.method = "MESSAGE";
  EXPECT_TRUE(from_caller(text_of(message)).empty());
  EXPECT_EQ(node.count(Count::drop_rule), 1u);
}

TEST_F(RuleTest, DoNotTouchWhatBelongsToACall) {
  Rule rule = rule_for(Kind::kMethod, "BYE");
  rule.verdict = Verdict::kDrop;
  use({rule});
  answered_calls(1);
  hang_up();
  EXPECT_EQ(node.count(Count::drop_rule), 0u);
}

// What goes on, is repeated and cancelled is the changed request.
TEST_F(RuleTest, ChangeARequestForGood) {
  Rule rule = rule_for(Kind::kUser, "00");
  rule.strip = 2;
  rule.prefix = "+";
  rule.headers = {{HeaderChange::What::kAdd, "X-Trunk", {{"7", std::nullopt}}}};
  use({rule});
  ASSERT_EQ(begin(to_user("0049123")), 0);
  std::string first = last.bytes;
  EXPECT_TRUE(first.starts_with("INVITE sip:+49123@198.18.0.1 SIP/2.0\r\n"));
  EXPECT_NE(first.find("X-Trunk: 7\r\n"), first.npos);
  use({});
  auto again = wait(600);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].bytes, first);
  from_backend(last, response_to(first, 180, "bob"));
  RequestText cancel = to_user("0049123");
  cancel.method = "CANCEL";
  auto out = from_caller(text_of(cancel));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_TRUE(out[1].bytes.starts_with("CANCEL sip:+49123@198.18.0.1 SIP/2.0\r\n"));
}

// With what a rule adds it may be no message any more: it is answered as it came.
TEST_F(RuleTest, AnswerWhatTheyCannotChange) {
  Rule rule = rule_for(Kind::kMethod, "");
  rule.headers = {{HeaderChange::What::kAdd, "Subject", {{"7", std::nullopt}}}};
  use({rule});
  RequestText request;
  request.headers += "Subject: one\r\n";
  auto out = from_caller(text_of(request));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 513);
  // The Via is the last of as many fields as there may be, and is pushed out.
  std::string many = text_of({});
  size_t via = many.find("Via:"), end = many.find("\r\n", via) + 2;
  std::string line = many.substr(via, end - via - 2) + ";rport\r\n";
  many.erase(via, end - via);
  sipcore::Message parsed;
  parsed.parse(many);
  for (size_t i = parsed.field_count() + 1; i < sipcore::kMaxHeaders; ++i) {
    many.insert(many.find("\r\n") + 2, "a:\r\n");
  }
  many.insert(many.size() - 2, line);
  parsed.parse(many);
  ASSERT_EQ(parsed.field_count(), sipcore::kMaxHeaders);
  out = from_caller(many);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 513);
}

TEST_F(RuleTest, FailuresThatCannotBeChangedAreAnswered) {
  Rule other = rule_for(Kind::kStatus, "503");
  other.verdict = Verdict::kGroup;
  other.group = 1;
  other.headers = {{HeaderChange::What::kAdd, "Subject", {{"7", std::nullopt}}}};
  use({}, {}, {other});
  RequestText text = request(1);
  text.headers += "Subject: one\r\n";
  ASSERT_EQ(begin(text), 0);
  auto out = from_backend(last, response_to(last.bytes, 503, "bob"));
  EXPECT_EQ(status_of(out.back().bytes), 503);
  wait(64000);
  EXPECT_EQ(node.transactions(), 0u);
}

// RFC 3261 16.4: a Request-URI behind our own, in Route, is none that a rule has seen.
TEST_F(RuleTest, CannotBeAvoidedByAStrictRoute) {
  Rule rule = rule_for(Kind::kUser, "900");
  rule.verdict = Verdict::kReject;
  rule.status = 403;
  use({rule});
  Datagram invite_ = invite(request(1));
  std::string recorded = header_of(invite_.bytes, HeaderName::kRecordRoute);
  RequestText again = request(1);
  again.via += "again";
  again.cseq = 2;
  again.uri = recorded.substr(1, recorded.find('>') - 1);
  again.headers += "Route: <sip:900123@198.18.0.22>\r\n";
  auto out = from_caller(text_of(again));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 403);
}

// Another user at the same exchange.
TEST_F(RuleTest, AskTheSameDestinationForAnotherUser) {
  Rule busy = rule_for(Kind::kStatus, "486");
  busy.verdict = Verdict::kGroup;
  busy.group = 0;
  busy.set_user = "mailbox";
  use({}, {}, {busy});
  ASSERT_EQ(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 486, "bob"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[1].to, backend(0));
  EXPECT_TRUE(out[1].bytes.starts_with("INVITE sip:mailbox@"));
  // Once: the mailbox has failed, and busy is still what is known of the callee.
  out = from_backend(out[1], response_to(out[1].bytes, 404, "bob"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(status_of(out[1].bytes), 486);
}

// A peer that asks whether we are alive is answered, whatever rules change in what goes on.
TEST_F(RuleTest, AnswerOptionsToUs) {
  Rule rule = rule_for(Kind::kMethod, "");
  rule.set_user = "somebody";
  use({rule});
  auto out = from_caller(
      "OPTIONS sip:198.18.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.18.0.10;branch=z9hG4bKo\r\n"
      "From: <sip:a@h>;tag=1\r\nTo: <sip:198.18.0.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n"
      "Max-Forwards: 0\r\nUser-Agent: some exchange that asks now and then\r\n\r\n");
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
}

// A repeated request is known by what came, not by what it became.
TEST_F(RuleTest, RecogniseTheRepeatedRequest) {
  Rule rule = rule_for(Kind::kUser, "00");
  rule.strip = 2;
  use({rule});
  for (const char* method : {"INVITE", "MESSAGE"}) {
    RequestText text = to_user("0049123");
    text.method = method;
    text.via += method;
    auto out = from_caller(text_of(text));
    from_backend(out.back(), response_to(out.back().bytes, 200, "bob"));
    out = from_caller(text_of(text));
    EXPECT_LE(out.size(), 1u);
    if (std::string(method) == "MESSAGE") {
      ASSERT_EQ(out.size(), 1u);
      EXPECT_EQ(status_of(out[0].bytes), 200);
    }
  }
}

TEST_F(RuleTest, ChangeResponses) {
  Rule rule = rule_for(Kind::kStatus, "2");
  rule.headers = {{HeaderChange::What::kAdd, "X-By", {{std::string(300, 't'), std::nullopt}}},
                  {HeaderChange::What::kRemove, "Server", {}}};
  use({}, {rule});
  ASSERT_EQ(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 180, "bob"));
  EXPECT_EQ(out.at(0).bytes.find("X-By"), std::string::npos);
  out = from_backend(last, response_to(last.bytes, 200, "bob", "Server: secret\r\n"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_NE(out[0].bytes.find("X-By: ttt"), std::string::npos);
  EXPECT_EQ(out[0].bytes.find("secret"), std::string::npos);
}

// What a repeated request gets is what went up the first time.
TEST_F(RuleTest, ChangeTheRepeatedResponse) {
  Rule rule = rule_for(Kind::kStatus, "2");
  rule.headers = {{HeaderChange::What::kAdd, "X-By", {{"t", std::nullopt}}},
                  {HeaderChange::What::kRemove, "Server", {}}};
  use({}, {rule});
  RequestText message = request(1);
  message.method = "MESSAGE";
  auto out = from_caller(text_of(message));
  ASSERT_EQ(out.size(), 1u);
  from_backend(out[0], response_to(out[0].bytes, 200, "bob", "Server: secret\r\n"));
  out = from_caller(text_of(message));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_NE(out[0].bytes.find("X-By: t"), std::string::npos);
  EXPECT_EQ(out[0].bytes.find("secret"), std::string::npos);
}

TEST_F(RuleTest, ChangeTheBestFailureToo) {
  Rule rule = rule_for(Kind::kStatus, "4");
  rule.headers = {{HeaderChange::What::kAdd, "X-By", {{"t", std::nullopt}}}};
  use({}, {rule});
  ASSERT_EQ(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 486, "bob"));
  EXPECT_NE(out.back().bytes.find("X-By: t"), std::string::npos);
}

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

TEST_F(RuleTest, LetAFailureThroughThatNobodyElseTakes) {
  Rule busy = rule_for(Kind::kStatus, "4");
  busy.verdict = Verdict::kGroup;
  busy.group = 1;
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
  Rule busy = rule_for(Kind::kStatus, "6");
  busy.verdict = Verdict::kGroup;
  busy.group = 1;
  use({}, {}, {busy});
  ASSERT_EQ(begin(1), 0);
  auto out = from_backend(last, response_to(last.bytes, 600, "bob"));
  EXPECT_EQ(status_of(out.back().bytes), 600);
}

TEST_F(RuleTest, AnswerAFailureOtherwise) {
  Rule translate = rule_for(Kind::kStatus, "404");
  translate.verdict = Verdict::kReject;
  translate.status = 480;
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
  Rule any = rule_for(Kind::kStatus, "4");
  any.verdict = Verdict::kGroup;
  any.group = 1;
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
  limit.call_rate = {per_s, std::max(per_s, 1U)};
  limit.slot = kLimitSlot;
  return limit;
}

// Every way to end a call gives back the place that its rule has given it.
TEST_F(RuleTest, LimitCallsAtATime) {
  use({rule_for(Kind::kUser, "")}, {}, {}, limit_of(1));
  auto refused = [&](int call) {
    auto out = from_caller(text_of(request(call)));
    return out.size() == 1 && status_of(out[0].bytes) == 480;
  };
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

// A group that is full is one that has nobody left.
TEST_F(RuleTest, GroupsHaveLimits) {
  node.configure([&](RunningConfig& config) {
    Group behind = config.groups[0];
    behind.destinations.erase(behind.destinations.begin());
    config.groups[0].destinations.resize(1);
    config.groups[0].limit = limit_of(2);
    config.groups[0].fallback = 1;
    config.groups.push_back(behind);
  });
  answered_calls(2);
  EXPECT_EQ(limited(), 2u);
  EXPECT_GT(begin(10), 0);
  EXPECT_EQ(limited(), 2u);
}

// A call that went on to the group behind gives its place in the first one back.
TEST_F(RuleTest, ACallHoldsAPlaceInOneGroup) {
  node.configure([&](RunningConfig& config) {
    Group behind = config.groups[0];
    behind.destinations.erase(behind.destinations.begin());
    config.groups[0].destinations.resize(1);
    config.groups[0].limit = limit_of(2);
    config.groups[0].fallback = 1;
    config.groups.push_back(behind);
  });
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
