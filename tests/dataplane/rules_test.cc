// Rules in the path of a call: where it goes, what is refused, what they change.
#include <set>

#include "tests/dataplane/rules_fixture.h"

namespace tests {
namespace {

TEST_F(RuleTest, SendToAGroup) {
  Rule rule = sends_to(1, Kind::kUser, "00");
  use({rule});
  EXPECT_EQ(begin(to_user("123")), 0);
  EXPECT_GT(begin(to_user("00123", 2)), 0);
  EXPECT_EQ(node.exchange().rule_hits[0]->read(0), 1u);
}

// What comes from a destination of a group begins with the mark of that group.
TEST_F(RuleTest, KnowWhoComesFromAGroup) {
  Rule rule = sends_to(1, Kind::kUser, "");
  rule.marked = 4;
  use({rule});
  mark_source(4, kCaller.ip);
  EXPECT_GT(begin(to_user("123")), 0);
  node.deliver({endpoint("198.18.0.11:5060"), kTandem, text_of(to_user("123", 2))});
  auto out = node.settle(now);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[1].to, backend(0));
}

// Requests with the same value go to the same destination, whatever their Call-ID; those without
// one go by what the group says.
TEST_F(RuleTest, SayWhatKeepsRequestsTogether) {
  Rule rule = rule_for(Kind::kUser, "");
  rule.hash_by = {{"account ", Field{Kind::kHeader, "x-account"}}};
  node.configure([&](RunningConfig& config) {
    config.groups[0].algorithm = control::link::Algorithm::kHash;
    config.groups[0].breaker.failures = 0;
    config.rules.policies.resize(1);
    config.rules.request = compiled({rule});
  });
  auto place_of = [&](int call, const std::string& account) {
    RequestText text = request(call);
    if (!account.empty()) text.headers += "X-Account: " + account + "\r\n";
    return begin(text);
  };
  std::set<int> of_all, of_one, without;
  for (int i = 1; i <= 30; ++i) {
    of_one.insert(place_of(i, "seven"));
    of_all.insert(place_of(100 + i, std::to_string(i)));
    without.insert(place_of(200 + i, ""));
  }
  EXPECT_EQ(of_one.size(), 1u);
  EXPECT_GT(of_all.size(), 1u);
  EXPECT_GT(without.size(), 1u);
  // Whom the first one fails, the value leads to the same second one.
  std::set<std::string> second;
  for (int i = 301; i <= 310; ++i) {
    place_of(i, "seven");
    auto out = from_backend(last, response_to(last.bytes, 503, "bob"));
    ASSERT_EQ(out.size(), 2u);
    second.insert(sipcore::to_string(out[1].to));
  }
  EXPECT_EQ(second.size(), 1u);
}

TEST_F(RuleTest, RejectWithoutMakingState) {
  Rule rule = rejects_with(403, Kind::kUser, "900");
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
  EXPECT_EQ(only_status(text_of(request)), 513);
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
  EXPECT_EQ(only_status(many), 513);
}

TEST_F(RuleTest, FailuresThatCannotBeChangedAreAnswered) {
  Rule other = sends_to(1, Kind::kStatus, "503");
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
  Rule rule = rejects_with(403, Kind::kUser, "900");
  use({rule});
  Datagram invite_ = invite(request(1));
  std::string recorded = header_of(invite_.bytes, HeaderName::kRecordRoute);
  RequestText again = request(1);
  again.via += "again";
  again.cseq = 2;
  again.uri = recorded.substr(1, recorded.find('>') - 1);
  again.headers += "Route: <sip:900123@198.18.0.22>\r\n";
  EXPECT_EQ(only_status(text_of(again)), 403);
}

// Another user at the same exchange.
TEST_F(RuleTest, AskTheSameDestinationForAnotherUser) {
  Rule busy = sends_to(0, Kind::kStatus, "486");
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
  EXPECT_EQ(only_status(
                "OPTIONS sip:198.18.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.18.0.10;branch=z9hG4bKo\r\n"
                "From: <sip:a@h>;tag=1\r\nTo: <sip:198.18.0.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n"
                "Max-Forwards: 0\r\nUser-Agent: some exchange that asks now and then\r\n\r\n"),
            200);
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

}  // namespace
}  // namespace tests
