// Calls through a whole node, message by message (RFC 3261 16, 17; RFC 6026).
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using sipcore::HeaderName;

TEST_F(CallTest, CompletesAndLeavesNothingBehind) {
  Datagram at_backend = invite();
  EXPECT_EQ(header_of(at_backend.bytes, HeaderName::kMaxForwards), "69");
  auto out = from_backend(at_backend, response_to(at_backend.bytes, 180, "bob"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, kCaller);
  EXPECT_EQ(status_of(out[0].bytes), 180);
  EXPECT_EQ(header_of(out[0].bytes, HeaderName::kVia),
            "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bKa1");
  out = from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 200);

  out = from_caller(text_of(in_dialog("ACK", at_backend, 1)));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, at_backend.to);
  EXPECT_EQ(header_of(out[0].bytes, HeaderName::kRoute), "");

  out = from_caller(text_of(in_dialog("BYE", at_backend, 2)));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, at_backend.to);
  out = from_backend(out[0], response_to(out[0].bytes, 200, "bob"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, kCaller);

  EXPECT_TRUE(wait(70000).empty());
  EXPECT_EQ(node.transactions(), 0u);
  EXPECT_EQ(node.blobs(), 0u);
  EXPECT_EQ(node.packets_in_use(), 0u);
}

// By where it came in, method and code; of the destination what it said while it was asked.
TEST_F(CallTest, ResponsesAreCounted) {
  using control::link::code_place;
  Datagram at_backend = invite();
  for (int status : {180, 499, 499}) {
    from_backend(at_backend, response_to(at_backend.bytes, status, "bob"));
  }
  size_t destination = 0;
  while (backend(destination) != at_backend.to) ++destination;
  const auto& of_destination = node.destination(destination).responses;
  const auto& traffic = *node.exchange().traffic[0];
  constexpr auto kInvite = static_cast<size_t>(sipcore::Method::kInvite);
  const auto& in = traffic.responses_in[0][kInvite];
  const auto& sent = traffic.responses_out[0][kInvite];
  const size_t ringing = code_place(180), other = code_place(450);  // as 499: neither has a name
  EXPECT_EQ(in[ringing].read(), 1u);
  EXPECT_EQ(in[other].read(), 2u);
  EXPECT_EQ(sent[code_place(100)].read(), 1u);
  EXPECT_EQ(sent[other].read(), 1u);
  EXPECT_EQ(of_destination[ringing], 1u);
  EXPECT_EQ(of_destination[other], 1u);
  EXPECT_EQ(traffic.responses_in[1][kInvite][ringing].read(), 0u);
}

// RFC 3261 17.1.1.3 gives it a branch of its own; some user agents take that of the INVITE.
TEST_F(CallTest, AckOfA2xxWithTheBranchOfItsInviteGoesOn) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  RequestText ack = in_dialog("ACK", at_backend, 1);
  ack.via = RequestText{}.via;
  auto out = from_caller(text_of(ack));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, at_backend.to);
}

TEST_F(CallTest, CalleeHangsUpThroughItsRoute) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  RequestText bye;
  bye.method = "BYE";
  bye.uri = "sip:alice@198.18.0.10:5060";
  bye.via = "SIP/2.0/UDP " + sipcore::to_string(at_backend.to) + ";branch=z9hG4bKbye";
  bye.from = "<sip:bob@198.18.0.1>;tag=bob";
  bye.to = "<sip:alice@198.18.0.10>;tag=alice";
  bye.headers = "Route: " + header_of(at_backend.bytes, HeaderName::kRecordRoute) + "\r\n";
  auto out = from_backend(at_backend, text_of(bye));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, kCaller);
}

TEST_F(CallTest, InviteRetransmissionIsAbsorbed) {
  Datagram at_backend = invite();
  auto out = from_caller(text_of({}));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 100);
  from_backend(at_backend, response_to(at_backend.bytes, 180, "bob"));
  out = from_caller(text_of({}));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 180);
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  EXPECT_TRUE(from_caller(text_of({})).empty());  // RFC 6026 7.1: in silence
  EXPECT_EQ(node.count(Count::retransmission), 3u);
}

TEST_F(CallTest, EveryRepeated2xxGoesUp) {
  Datagram at_backend = invite();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(from_backend(at_backend, response_to(at_backend.bytes, 200, "bob")).size(), 1u);
  }
  EXPECT_EQ(node.count(Count::calls_answered), 1u);
}

TEST_F(CallTest, BusyIsAcknowledgedHereAndRepeatedUntilTheCallerAcknowledges) {
  Datagram at_backend = invite();
  auto out = from_backend(at_backend, response_to(at_backend.bytes, 486, "bob"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(method_of(out[0].bytes), "ACK");
  EXPECT_EQ(out[0].to, at_backend.to);
  EXPECT_EQ(header_of(out[0].bytes, HeaderName::kVia),
            header_of(at_backend.bytes, HeaderName::kVia));
  EXPECT_EQ(status_of(out[1].bytes), 486);
  EXPECT_EQ(wait(1600).size(), 2u);  // timer G: after 500 and 1500 ms
  RequestText ack;
  ack.method = "ACK";
  ack.to += ";tag=bob";
  EXPECT_TRUE(from_caller(text_of(ack)).empty());
  EXPECT_TRUE(wait(70000).empty());
  EXPECT_EQ(node.transactions(), 0u);
}

TEST_F(CallTest, CancelAfterRinging) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 180, "bob"));
  RequestText cancel;
  cancel.method = "CANCEL";
  auto out = from_caller(text_of(cancel));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
  EXPECT_EQ(method_of(out[1].bytes), "CANCEL");
  EXPECT_EQ(header_of(out[1].bytes, HeaderName::kVia),
            header_of(at_backend.bytes, HeaderName::kVia));
  EXPECT_TRUE(from_backend(at_backend, response_to(out[1].bytes, 200, "bob")).empty());
  out = from_backend(at_backend, response_to(at_backend.bytes, 487, "bob"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(method_of(out[0].bytes), "ACK");
  EXPECT_EQ(status_of(out[1].bytes), 487);
}

TEST_F(CallTest, CancelWaitsForAProvisionalResponse) {
  Datagram at_backend = invite();
  RequestText cancel;
  cancel.method = "CANCEL";
  auto out = from_caller(text_of(cancel));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
  out = from_backend(at_backend, response_to(at_backend.bytes, 100, ""));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(method_of(out[0].bytes), "CANCEL");
}

TEST_F(CallTest, CancelOfNothingIs481) {
  RequestText cancel;
  cancel.method = "CANCEL";
  auto out = from_caller(text_of(cancel));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 481);
}

TEST_F(CallTest, CancelFromElsewhereTouchesNothing) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 180, "bob"));
  RequestText cancel;
  cancel.method = "CANCEL";
  node.deliver({endpoint("198.18.0.66:5060"), kTandem, text_of(cancel)});
  auto out = node.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 481);
}

TEST_F(CallTest, SilentBackendFailsOverUnnoticed) {
  Datagram first = invite();
  auto out = wait(2500);
  auto second =
      std::find_if(out.begin(), out.end(), [&](const Datagram& d) { return d.to != first.to; });
  ASSERT_NE(second, out.end());
  EXPECT_EQ(method_of(second->bytes), "INVITE");
  EXPECT_NE(second->to, kCaller);
  out = from_backend(*second, response_to(second->bytes, 200, "bob"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
  // The first one wakes up: it is cancelled, and its 487 goes nowhere.
  out = from_backend(first, response_to(first.bytes, 180, "late"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(method_of(out[0].bytes), "CANCEL");
  EXPECT_EQ(out[0].to, first.to);
  out = from_backend(first, response_to(first.bytes, 487, "late"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(method_of(out[0].bytes), "ACK");
}

TEST_F(CallTest, Status503AndIcmpGoToTheNextAndAllDownIs503) {
  Datagram at_backend = invite();
  auto out = from_backend(at_backend, response_to(at_backend.bytes, 503, "x"));
  ASSERT_EQ(out.size(), 2u);  // ACK, INVITE
  EXPECT_NE(out[1].to, at_backend.to);
  node.unreachable(out[1]);
  auto more = node.settle(now);
  ASSERT_EQ(more.size(), 1u);
  EXPECT_EQ(method_of(more[0].bytes), "INVITE");
  auto last = from_backend(more[0], response_to(more[0].bytes, 503, "y"));
  ASSERT_EQ(last.size(), 2u);
  EXPECT_EQ(status_of(last[1].bytes), 503);
  EXPECT_EQ(header_of(last[1].bytes, HeaderName::kRetryAfter), "5");
  EXPECT_EQ(last[1].to, kCaller);
}

TEST_F(CallTest, NobodyAnswersIs408) {
  invite();
  auto out = wait(70000);
  size_t finals = 0;
  for (auto& d : out) finals += d.to == kCaller && status_of(d.bytes) == 408 ? 1 : 0;
  EXPECT_GE(finals, 1u);
  wait(70000);
  EXPECT_EQ(node.transactions(), 0u);
}

TEST_F(CallTest, SilentNonInviteGetsNoAnswer) {
  RequestText message;
  message.method = "MESSAGE";
  from_caller(text_of(message));
  for (auto& d : wait(100000)) EXPECT_NE(d.to, kCaller);  // RFC 4320 4.2
  EXPECT_EQ(node.transactions(), 0u);
}

TEST_F(CallTest, RemovedBackendKeepsItsCalls) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  node.configure([&](control::link::RunningConfig& config) {
    std::erase_if(config.groups[0].destinations,
                  [&](auto& d) { return d.endpoint == at_backend.to; });
  });
  auto out = from_caller(text_of(in_dialog("BYE", at_backend, 2)));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, at_backend.to);
}

TEST_F(CallTest, ForgedRouteTokenIs403AndAckWithItIsDropped) {
  Datagram at_backend = invite();
  RequestText bye = in_dialog("BYE", at_backend, 2);
  size_t at = bye.headers.find(";t=") + 6;
  bye.headers[at] = bye.headers[at] == '0' ? '1' : '0';
  auto out = from_caller(text_of(bye));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 403);
  RequestText ack = bye;
  ack.method = "ACK";
  EXPECT_TRUE(from_caller(text_of(ack)).empty());
  EXPECT_EQ(node.count(Count::drop_forged_token), 1u);
}

TEST_F(CallTest, RouteTokenOfAnotherCallIsRefused) {
  Datagram at_backend = invite();
  RequestText bye = in_dialog("BYE", at_backend, 2);
  bye.call_id = "call-2@198.18.0.10";
  auto out = from_caller(text_of(bye));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 403);
}

TEST_F(CallTest, StrayResponsesAreDroppedByName) {
  Datagram at_backend = invite();
  std::string ok = response_to(at_backend.bytes, 200, "bob");
  std::string forged = ok;
  size_t at = forged.find("z9hG4bKt") + 12;
  forged[at] = forged[at] == '0' ? '1' : '0';
  EXPECT_TRUE(from_backend(at_backend, forged).empty());
  EXPECT_EQ(node.count(Count::drop_forged_token), 1u);
  std::string foreign = ok;
  foreign.replace(foreign.find("z9hG4bKt"), 8, "z9hG4bKx");
  EXPECT_TRUE(from_backend(at_backend, foreign).empty());
  EXPECT_EQ(node.count(Count::drop_unknown_response), 1u);
  EXPECT_EQ(from_backend(at_backend, ok).size(), 1u);
  wait(70000);
  EXPECT_TRUE(from_backend(at_backend, ok).empty());
  EXPECT_EQ(node.count(Count::drop_stale_token), 1u);
}

TEST_F(CallTest, AckWithoutACallIsDropped) {
  RequestText ack;
  ack.method = "ACK";
  EXPECT_TRUE(from_caller(text_of(ack)).empty());
  EXPECT_EQ(node.count(Count::drop_ack_without_call), 1u);
}

TEST_F(CallTest, FourKilobytesEachWay) {
  RequestText request;
  request.body = std::string(4000, 'x');
  Datagram at_backend = invite(request);
  EXPECT_EQ(at_backend.bytes.substr(at_backend.bytes.size() - 4000), request.body);
  auto out = from_backend(at_backend, response_to(at_backend.bytes, 200, "bob", {}, request.body));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].bytes.substr(out[0].bytes.size() - 4000), request.body);
}

TEST_F(CallTest, LoopIsDetected) {
  Datagram at_backend = invite();
  node.deliver({at_backend.to, kTandem, at_backend.bytes});
  auto out = node.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 482);
}

TEST_F(CallTest, SourceBehindNatIsAnsweredWhereItCameFrom) {
  RequestText request;
  request.via = "SIP/2.0/UDP 10.1.1.1:5060;rport;branch=z9hG4bKnat";
  sipcore::Endpoint nat = endpoint("198.18.0.77:40001");
  node.deliver({nat, kTandem, text_of(request)});
  auto out = node.settle(now);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].to, nat);
  EXPECT_EQ(header_of(out[0].bytes, HeaderName::kVia),
            "SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKnat;rport=40001;received=198.18.0.77");
  auto up = from_backend(out[1], response_to(out[1].bytes, 200, "bob"));
  ASSERT_EQ(up.size(), 1u);
  EXPECT_EQ(up[0].to, nat);
}

}  // namespace
}  // namespace tests
