// What is copied for those who look.
#include "dataplane/core/tap.h"

#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Traced;
using control::link::TraceFilter;

class TapTest : public CallTest {
 protected:
  void look_for(TraceFilter::What what, const std::string& text) {
    node.exchange().trace.publish(
        std::make_unique<TraceFilter>(TraceFilter{what, text, {}, ++traces}));
  }
  uint64_t traces = 0;
  // First words of what was copied, and where it went.
  std::vector<std::string> copied() {
    std::vector<std::string> out;
    Traced traced;
    while (node.exchange().traced[0]->pop(traced)) {
      std::string text(traced.bytes.data(), std::min<size_t>(traced.size, Traced::kMost));
      out.push_back(text.substr(0, text.find("\r\n")) + " -> " + sipcore::to_string(traced.to));
    }
    return out;
  }
};

TEST_F(TapTest, CopiesNothingUnlessAsked) {
  invite();
  EXPECT_TRUE(copied().empty());
}

TEST_F(TapTest, CopiesBothSidesOfACall) {
  look_for(TraceFilter::What::kCallId, "call-1@198.18.0.10");
  Datagram sent = invite();
  auto first = copied();
  ASSERT_EQ(first.size(), 3u);
  EXPECT_EQ(first[0], "INVITE sip:bob@198.18.0.1 SIP/2.0 -> 198.18.0.1:5060");
  EXPECT_EQ(first[1], "SIP/2.0 100 Trying -> 198.18.0.10:5060");
  EXPECT_EQ(first[2], "INVITE sip:bob@198.18.0.1 SIP/2.0 -> " + sipcore::to_string(sent.to));
  from_backend(sent, response_to(sent.bytes, 486, "bob"));
  EXPECT_EQ(copied().size(), 3u);  // 486 in, ACK, 486 out
  RequestText other;
  other.call_id = "call-2";
  other.via += "x";
  invite(other);
  EXPECT_TRUE(copied().empty());
}

TEST_F(TapTest, CopiesThoseOfAUser) {
  look_for(TraceFilter::What::kUser, "alice");
  invite();
  EXPECT_EQ(copied().size(), 3u);
  look_for(TraceFilter::What::kUser, "lice");
  from_caller("OPTIONS sip:198.18.0.1 SIP/2.0\r\n\r\n");
  EXPECT_TRUE(copied().empty());
}

// What belongs to the same call need not name the user again.
TEST_F(TapTest, FollowsAUserIntoHisCalls) {
  look_for(TraceFilter::What::kUser, "carol");
  RequestText request;
  request.uri = "sip:carol@198.18.0.1";
  Datagram sent = invite(request);
  EXPECT_EQ(copied().size(), 3u);  // the 100 as well
  from_backend(sent, response_to(sent.bytes, 200, "bob"));
  EXPECT_EQ(copied().size(), 2u);
  RequestText other;
  other.call_id = "call-2";
  other.via += "x";
  invite(other);
  EXPECT_TRUE(copied().empty());
  look_for(TraceFilter::What::kUser, "dave");
  from_backend(sent, response_to(sent.bytes, 200, "bob"));
  EXPECT_TRUE(copied().empty());
}

TEST_F(TapTest, CopiesWhatIsRefusedToo) {
  look_for(TraceFilter::What::kAll, "");
  node.configure(
      [](control::link::RunningConfig& config) { config.protect.scanners = {"sipcli"}; });
  RequestText request;
  request.headers += "User-Agent: sipcli\r\n";
  EXPECT_TRUE(from_caller(text_of(request)).empty());
  EXPECT_EQ(copied().size(), 1u);
}

TEST_F(TapTest, CountsWhatFindsNoRoom) {
  look_for(TraceFilter::What::kAll, "");
  for (int i = 0; i < 300; ++i) from_caller("OPTIONS sip:198.18.0.1 SIP/2.0\r\n\r\n");
  EXPECT_EQ(copied().size() + node.exchange().traffic[0]->trace_lost.read(), 300u);
}

TEST(TapWants, AUserOfAnyUri) {
  TraceFilter bob{TraceFilter::What::kUser, "bob", {"77@a"}, 1};
  auto wanted = [&](const std::string& line) {
    return dataplane::is_wanted(bob, "INVITE x SIP/2.0\r\n" + line + "\r\n\r\nsip:bob@body");
  };
  EXPECT_TRUE(wanted("To: <sip:bob@h>"));
  EXPECT_TRUE(wanted("To: <tel:bob>"));
  EXPECT_TRUE(wanted("To: x <sip:bobby@h>, <sip:bob;x@h>"));
  EXPECT_FALSE(wanted("To: <sip:bobby@h>"));
  EXPECT_FALSE(wanted("To: bob <sip:kabob@h>"));
  EXPECT_FALSE(wanted("Subject: bob"));
  EXPECT_TRUE(wanted("Call-ID: 77@a"));
  EXPECT_FALSE(wanted("Call-ID: 77@b"));
}

}  // namespace
}  // namespace tests
