// Several destinations for one request: which response counts, who is asked next, what is cancelled
// (RFC 3261 16.7, RFC 4320).
#include <algorithm>

#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using sipcore::HeaderName;

class ForkingTest : public CallTest {
 protected:
  // The INVITE at a first backend that says nothing, and at the second, which was asked then.
  void ask_two() {
    first = invite();
    for (const Datagram& one : wait(2500)) {
      if (one.to != first.to && one.to != kCaller) second = one;
    }
    ASSERT_EQ(method_of(second.bytes), "INVITE");
  }
  std::vector<Datagram> answer(const Datagram& request, int status, const std::string& tag) {
    return from_backend(request, response_to(request.bytes, status, tag));
  }
  size_t count_to(const std::vector<Datagram>& out, const sipcore::Endpoint& to, int status) {
    return static_cast<size_t>(std::count_if(out.begin(), out.end(), [&](const Datagram& one) {
      return one.to == to && status_of(one.bytes) == status;
    }));
  }
  size_t invites(const std::vector<Datagram>& out) {
    return static_cast<size_t>(std::count_if(out.begin(), out.end(), [&](const Datagram& one) {
      return status_of(one.bytes) == 0 && method_of(one.bytes) == "INVITE";
    }));
  }

  Datagram first, second;
};

TEST_F(ForkingTest, LateFailureOfAGivenUpDestinationAsksNobody) {
  ask_two();
  answer(second, 180, "two");
  EXPECT_EQ(invites(answer(first, 503, "one")), 0u);
  EXPECT_EQ(count_to(answer(second, 200, "two"), kCaller, 200), 1u);
}

TEST_F(ForkingTest, NobodyIsAskedAfterTheFinalResponse) {
  ask_two();
  EXPECT_EQ(count_to(answer(second, 486, "two"), kCaller, 486), 1u);
  auto out = answer(first, 503, "one");
  EXPECT_EQ(invites(out), 0u);
  for (const Datagram& one : out) EXPECT_NE(one.to, kCaller);
}

// 16.7 step 5: a 2xx goes up even after a failure did; the caller ends the call that he does not
// want.
TEST_F(ForkingTest, SuccessOfAnotherDestinationGoesUpAfterAFailure) {
  ask_two();
  answer(second, 486, "two");
  EXPECT_EQ(count_to(answer(first, 200, "one"), kCaller, 200), 1u);
  EXPECT_EQ(count_to(answer(first, 200, "one"), kCaller, 200), 1u);  // and again
  wait(70000);
  EXPECT_EQ(node.transactions(), 0u);
  EXPECT_EQ(node.blobs(), 0u);
}

// The 487 that answers a CANCEL of ours says nothing about the call.
TEST_F(ForkingTest, AnswerToOurCancelIsNotTheCallers) {
  ask_two();
  auto out = answer(first, 180, "one");
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(method_of(out[0].bytes), "CANCEL");
  answer(first, 487, "one");
  out = answer(second, 486, "two");
  EXPECT_EQ(count_to(out, kCaller, 486), 1u);
  EXPECT_EQ(count_to(out, kCaller, 487), 0u);
}

TEST_F(ForkingTest, CancelledCallWithAFailedDestinationIs487) {
  for (int status : {503, 500}) {
    RequestText request;
    request.via += std::to_string(status);
    request.call_id += std::to_string(status);
    Datagram at = invite(request);
    answer(at, 180, "one");
    request.method = "CANCEL";
    from_caller(text_of(request));
    auto out = answer(at, status, "one");
    EXPECT_EQ(count_to(out, kCaller, status == 503 ? 487 : 500), 1u);
  }
  EXPECT_EQ(node.count(Count::rejected_no_backend), 0u);
}

// 16.7 step 5: a 6xx ends the search, and those who ring are cancelled.
TEST_F(ForkingTest, DeclineOfOneCancelsTheOther) {
  ask_two();
  answer(second, 180, "two");
  auto out = answer(first, 603, "one");
  EXPECT_EQ(std::count_if(out.begin(), out.end(),
                          [&](const Datagram& one) {
                            return one.to == second.to && method_of(one.bytes) == "CANCEL";
                          }),
            1);
  EXPECT_EQ(count_to(answer(second, 487, "two"), kCaller, 603), 1u);
}

TEST_F(ForkingTest, SuccessCancelsThoseWhoStillRing) {
  ask_two();
  answer(second, 180, "two");
  auto out = answer(first, 200, "one");
  EXPECT_EQ(count_to(out, kCaller, 200), 1u);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(method_of(out[1].bytes), "CANCEL");
  EXPECT_EQ(out[1].to, second.to);
  for (const Datagram& one : answer(second, 487, "two")) EXPECT_NE(one.to, kCaller);
}

TEST_F(ForkingTest, GivenUpDestinationGetsNoRetransmission) {
  ask_two();
  for (const Datagram& one : wait(20000)) EXPECT_NE(one.to, first.to);
}

// Timer C (16.8): a phone that rings for ever is cancelled.
TEST_F(ForkingTest, RingingWithoutEndIsCancelled) {
  Datagram at = invite();
  answer(at, 180, "one");
  auto out = wait(195000);
  ASSERT_GE(out.size(), 1u);
  EXPECT_EQ(method_of(out[0].bytes), "CANCEL");
  EXPECT_EQ(out[0].to, at.to);
  EXPECT_EQ(count_to(answer(at, 487, "one"), kCaller, 487), 1u);
}

TEST_F(ForkingTest, BestFailureIsNeverThe503) {
  Datagram at = invite();
  auto out = answer(at, 503, "one");
  ASSERT_EQ(out.size(), 2u);
  out = answer(out[1], 500, "two");
  EXPECT_EQ(count_to(out, kCaller, 500), 1u);
}

// RFC 4320 4.1 and 4.2: no 1xx but 100 and no 408 for a request that is not INVITE.
TEST_F(ForkingTest, NonInviteGetsNeitherRingingNorTimeout) {
  RequestText message;
  message.method = "MESSAGE";
  auto out = from_caller(text_of(message));
  ASSERT_EQ(out.size(), 1u);
  Datagram at = out[0];
  EXPECT_TRUE(answer(at, 180, "x").empty());
  EXPECT_TRUE(answer(at, 408, "x").empty());
  wait(70000);
  EXPECT_EQ(node.transactions(), 0u);
}

// 16.7 step 3: when our Via is gone there must be another one.
TEST_F(ForkingTest, ResponseWithOurViaAloneGoesNowhere) {
  Datagram at = invite();
  std::string ok = response_to(at.bytes, 200, "bob");
  size_t second_via = ok.find("Via:", ok.find("Via:") + 4);
  ok.erase(second_via, ok.find("\r\n", second_via) + 2 - second_via);
  EXPECT_TRUE(from_backend(at, ok).empty());
  EXPECT_EQ(node.count(Count::drop_bad_response), 1u);
  EXPECT_EQ(count_to(answer(at, 200, "bob"), kCaller, 200), 1u);
}

// What fits a datagram on its way to an IPv6 destination may not fit on its way to an IPv4 one:
// that one is not sent a broken datagram.
TEST_F(ForkingTest, RequestTooLongForTheNextDestinationIsNotSentBroken) {
  Node both({.backends = 2, .both_families = true});
  both.configure([&](control::link::RunningConfig& config) {
    config.groups[0].algorithm = control::link::Algorithm::kRoundRobin;
    config.groups[0].destinations[0].endpoint = endpoint("[2001:db8:18::21]:5060");
  });
  const sipcore::Endpoint caller = endpoint("[2001:db8:18::10]:5060"), six = endpoint(kListen6);
  RequestText request;
  request.via = "SIP/2.0/UDP [2001:db8:18::10]:5060;branch=z9hG4bK1";
  std::vector<Datagram> out;
  size_t added = 0;
  for (char call : {'1', '2'}) {  // one goes to each destination, the IPv4 one is the second
    request.via.back() = call;
    both.deliver({caller, six, text_of(request)});
    out = both.settle(now);
    ASSERT_EQ(out.size(), 2u);
    added = out[1].bytes.size() - text_of(request).size();
  }
  ASSERT_EQ(out[1].to.ip.family, sipcore::Family::kV4);
  request.body.append(65515 - added - text_of(request).size(), 'x');
  request.via.back() = '3';
  both.deliver({caller, six, text_of(request)});
  out = both.settle(now);
  ASSERT_EQ(out.size(), 2u);
  ASSERT_EQ(out[1].to.ip.family, sipcore::Family::kV6);
  both.deliver({out[1].to, six, response_to(out[1].bytes, 503, "x")});
  for (const Datagram& one : both.settle(now)) EXPECT_NE(one.to.ip.family, sipcore::Family::kV4);
  EXPECT_EQ(both.count(Count::tx_failed), 1u);
}

// Of three destinations two are dead: the third is asked, whichever order and way.
TEST_F(ForkingTest, EveryDestinationIsAskedOnce) {
  for (auto algorithm : {control::link::Algorithm::kHash, control::link::Algorithm::kRoundRobin}) {
    Node three({.algorithm = algorithm});
    for (int call = 0; call < 12; ++call) {
      RequestText request;
      request.call_id += std::to_string(call);
      request.via += std::to_string(call);
      three.deliver({kCaller, kTandem, text_of(request)});
      std::vector<sipcore::Endpoint> asked;
      for (auto out = three.settle(now); !out.empty() && asked.size() < 4;) {
        const Datagram last = out.back();
        if (method_of(last.bytes) != "INVITE" || status_of(last.bytes) != 0) break;
        asked.push_back(last.to);
        three.unreachable(last);
        out = three.settle(now);
      }
      ASSERT_EQ(asked.size(), 3u);
      std::sort(asked.begin(), asked.end());
      EXPECT_EQ(std::unique(asked.begin(), asked.end()), asked.end());
    }
  }
}

TEST_F(ForkingTest, SilentDestinationIsNotAskedAgainAfterItsTimeout) {
  ask_two();
  answer(second, 180, "two");
  wait(40000);
  for (const Datagram& one : answer(second, 503, "two")) EXPECT_NE(one.to, first.to);
}

// 16.7 step 5: after a 6xx nobody is asked any more.
TEST_F(ForkingTest, NobodyIsAskedAfterADecline) {
  ask_two();
  answer(second, 180, "two");
  answer(first, 603, "one");
  EXPECT_EQ(invites(answer(second, 503, "two")), 0u);
}

TEST_F(ForkingTest, SilenceAfterADeclineAsksNobody) {
  ask_two();
  answer(first, 603, "one");
  for (const Datagram& one : wait(20000)) {
    bool third = one.to != first.to && one.to != second.to && one.to != kCaller;
    EXPECT_FALSE(third);
  }
}

// RFC 4320 4.2 forbids the 408, not the memory: the repeated request is known.
TEST_F(ForkingTest, AbandonedRequestIsStillKnown) {
  RequestText message;
  message.method = "MESSAGE";
  Datagram at = from_caller(text_of(message)).at(0);
  answer(at, 408, "x");
  EXPECT_TRUE(from_caller(text_of(message)).empty());
  EXPECT_EQ(node.count(Count::retransmission), 1u);
  wait(70000);
  EXPECT_EQ(node.transactions(), 0u);
}

TEST_F(ForkingTest, FailureIsStillRepeatedAfterASuccessOfAnother) {
  ask_two();
  answer(second, 486, "two");
  answer(first, 200, "one");
  EXPECT_EQ(count_to(wait(600), kCaller, 486), 1u);
}

// 16.7 step 6: the 503 of a callee is about the callee, not about Tandem.
TEST_F(ForkingTest, Status503InADialogIs500) {
  Datagram at = invite();
  answer(at, 200, "bob");
  auto out = from_caller(text_of(in_dialog("INVITE", at, 2)));
  ASSERT_EQ(out.size(), 2u);
  out = answer(out[1], 503, "bob");
  EXPECT_EQ(count_to(out, kCaller, 500), 1u);
  EXPECT_EQ(node.count(Count::rejected_no_backend), 0u);
}

// A reload that moves the groups about does not send a call to another group's destinations.
TEST_F(ForkingTest, FailoverStaysInItsGroup) {
  Datagram at = invite();
  node.configure([&](control::link::RunningConfig& config) {
    control::link::Group other;
    other.name = "other";
    other.algorithm = control::link::Algorithm::kRoundRobin;
    other.destinations = {config.groups[0].destinations[0]};
    other.destinations[0].endpoint = endpoint("198.18.0.99:5060");
    config.groups.insert(config.groups.begin(), other);
  });
  auto out = answer(at, 503, "one");
  ASSERT_EQ(invites(out), 1u);
  EXPECT_NE(out[1].to, endpoint("198.18.0.99:5060"));
}

}  // namespace
}  // namespace tests
