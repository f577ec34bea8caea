// Whose word counts: of the known faults V10 spoofing, V11 stray responses, V19 open relay, and the
// sources that nobody has (V4).
#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using sipcore::HeaderName;

class TrustTest : public CallTest {};

// V10. Whoever guesses the Call-ID but has no token reaches nobody.
TEST_F(TrustTest, ByeWithoutTheTokenReachesNobody) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  size_t held = node.transactions();
  RequestText bye = in_dialog("BYE", at_backend, 2);
  bye.headers = "";
  auto out = from_elsewhere(kStranger, text_of(bye));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 481);
  EXPECT_EQ(node.transactions(), held);
  EXPECT_EQ(node.count(Count::rejected_no_dialog), 1u);
}

// V19. Nobody sends through us whereto he likes.
// What a response with a good token left behind is not taken for that of the next one.
TEST_F(TrustTest, ResponseWithoutABranchBelongsToNobody) {
  Datagram asked = invite();
  for (const char* via : {"SIP/2.0/UDP x", "SIP/2.0/UDP x;branch", "SIP/2.0/UDP x;branch=\"\""}) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(from_backend(asked, response_to(asked.bytes, 180, "bob")).size(), 1u);
    }
    for (int i = 0; i < 2; ++i) {
      auto out = from_elsewhere(kStranger, std::string("SIP/2.0 200 OK\r\nVia: ") + via +
                                               "\r\nVia: SIP/2.0/UDP y\r\nFrom: <sip:a@b>;tag=1\r\n"
                                               "To: <sip:b@c>;tag=evil\r\nCall-ID: 1\r\n"
                                               "CSeq: 1 INVITE\r\n\r\n");
      EXPECT_EQ(out.size(), 0u) << via;
    }
  }
  EXPECT_EQ(node.count(Count::drop_unknown_response), 6u);
}

TEST_F(TrustTest, PreloadedRouteIsRefused) {
  for (const char* route : {"<sip:198.18.0.99;lr>", "<sip:127.0.0.1;lr>", "<sip:169.254.169.254>",
                            "<sip:198.18.0.1;lr>, <sip:10.0.0.1;lr>", "<sip:example.com;lr>"}) {
    RequestText request;
    request.headers += std::string("Route: ") + route + "\r\n";
    auto out = from_caller(text_of(request));
    ASSERT_EQ(out.size(), 1u) << route;
    EXPECT_EQ(status_of(out[0].bytes), 403) << route;
  }
}

// The callee's requests go where the caller's Contact says, but not everywhere.
TEST_F(TrustTest, ContactCannotPointAtForbiddenPlaces) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  for (const char* uri : {"sip:127.0.0.1:5061", "sip:198.18.0.1:5060", "sip:255.255.255.255",
                          "sip:224.0.1.75", "sip:0.0.0.0", "sip:169.254.169.254:80", "sip:[::1]",
                          "sip:[::ffff:127.0.0.1]", "sip:[fe80::1]", "sip:[ff02::1]"}) {
    RequestText bye = bye_of_callee(at_backend, uri);
    bye.via += std::to_string(std::hash<std::string>{}(uri));
    auto out = from_backend(at_backend, text_of(bye));
    ASSERT_EQ(out.size(), 1u) << uri;
    EXPECT_EQ(status_of(out[0].bytes), 502) << uri;
  }
}

// V10, V19. The token of a call leads its caller to the destination of that call and nowhere else,
// and only that destination to where the caller is.
TEST_F(TrustTest, TokenIsNoTicketToAnywhere) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  RequestText attack = in_dialog("INVITE", at_backend, 9);
  attack.from = "<sip:alice@198.18.0.10>;tag=other";
  attack.uri = "sip:x@198.18.0.200:53";
  auto out = from_elsewhere(kStranger, text_of(attack));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 403);
  EXPECT_EQ(out[0].to.ip, kStranger.ip);
  EXPECT_EQ(node.count(Count::rejected_source), 1u);
  attack.method = "ACK";
  EXPECT_TRUE(from_elsewhere(kStranger, text_of(attack)).empty());
  EXPECT_EQ(node.count(Count::drop_foreign_source), 1u);

  RequestText routed = in_dialog("BYE", at_backend, 2);
  routed.headers += "Route: <sip:198.18.0.200:53;lr>\r\n";
  out = from_caller(text_of(routed));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, at_backend.to);
}

// The telephone behind a destination that does not record its route hangs up: it may reach the
// address that the call came from.
TEST_F(TrustTest, TelephoneBehindTheDestinationReachesTheCaller) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  RequestText bye = bye_of_callee(at_backend, "sip:alice@198.18.0.10:5070");
  auto out = from_elsewhere(kStranger, text_of(bye));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, endpoint("198.18.0.10:5070"));
}

// V4. Nobody can make us speak to a whole network or to ourselves by giving it as his address.
TEST_F(TrustTest, SourcesThatAreNobodyAreDropped) {
  for (const char* source :
       {"198.18.0.1:5060", "198.18.0.1:9", "198.18.0.255:5060", "127.0.0.1:5060"}) {
    EXPECT_TRUE(from_elsewhere(endpoint(source), text_of({})).empty()) << source;
  }
  EXPECT_EQ(node.count(Count::drop_bad_source), 4u);
  Datagram at_backend = invite();
  RequestText bye = in_dialog("BYE", at_backend, 2);
  bye.uri = "sip:198.18.0.255";
  bye.from = "<sip:bob@198.18.0.1>;tag=bob";
  auto out = from_backend(at_backend, text_of(bye));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 502);
}

// V11. Responses of the rudest kind: repeated without end, 2xx after 6xx, 6xx after 2xx.
TEST_F(TrustTest, FailureAfterSuccessGoesNowhere) {
  Datagram at_backend = invite();
  EXPECT_EQ(from_backend(at_backend, response_to(at_backend.bytes, 200, "bob")).size(), 1u);
  auto out = from_backend(at_backend, response_to(at_backend.bytes, 603, "bob"));
  for (const Datagram& one : out) EXPECT_NE(one.to, kCaller);
}

TEST_F(TrustTest, SuccessAfterFailureIsNotASecondFinalResponse) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 603, "bob"));
  auto out = from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  for (const Datagram& one : out) EXPECT_NE(one.to, kCaller);
}

TEST_F(TrustTest, StormOfResponsesMakesNoState) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 180, "bob"));
  size_t transactions = node.transactions(), blobs = node.blobs();
  for (int i = 0; i < 1000; ++i) {
    auto out =
        from_backend(at_backend, response_to(at_backend.bytes, 183, "t" + std::to_string(i)));
    EXPECT_LE(out.size(), 1u);
  }
  EXPECT_EQ(node.transactions(), transactions);
  EXPECT_EQ(node.blobs(), blobs);
  from_backend(at_backend, response_to(at_backend.bytes, 486, "bob"));
  EXPECT_TRUE(from_backend(at_backend, response_to(at_backend.bytes, 699, "x")).size() <= 1);
  EXPECT_TRUE(from_backend(at_backend, response_to(at_backend.bytes, 700, "x")).empty());
  EXPECT_EQ(node.count(Count::drop_bad_response), 1u);
}

// A response whose CSeq or Via is not what we sent (RFC 3261 17.1.3).
TEST_F(TrustTest, ResponseOfAnotherMethodIsDropped) {
  Datagram at_backend = invite();
  std::string other = response_to(at_backend.bytes, 200, "bob");
  other.replace(other.find("CSeq: 1 INVITE"), 14, "CSeq: 1 UPDATE");
  EXPECT_TRUE(from_backend(at_backend, other).empty());
  EXPECT_EQ(node.count(Count::drop_unknown_response), 1u);
}

}  // namespace
}  // namespace tests
