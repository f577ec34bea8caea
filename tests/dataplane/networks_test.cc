// Calls that come in by one address and go out by another (RFC 3261 16.6 step 4, RFC 5658).
#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using sipcore::HeaderName;

class NetworksTest : public CallTest {};

// Two networks, two ports, two addresses: what goes into a network carries the address that lies in
// it, and each side finds it recorded on top.
TEST_F(NetworksTest, FromOneNetworkToTheOther) {
  Node both({.backends = 1, .second_network = true});
  const sipcore::Endpoint callee = endpoint("198.19.0.21:5060"), inner = endpoint(kSecondListen);
  both.configure([&](control::link::RunningConfig& config) {
    config.groups[0].destinations[0].endpoint = callee;
  });
  both.deliver({kCaller, kTandem, text_of({})});
  both.poll_worker(0, now);
  EXPECT_EQ(both.port(0).from_worker.size(), 1u);    // the 100
  EXPECT_EQ(both.second(0).from_worker.size(), 1u);  // the INVITE
  auto out = both.settle(now);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[1].from, inner);
  EXPECT_TRUE(
      header_of(out[1].bytes, HeaderName::kVia).starts_with("SIP/2.0/UDP 198.19.0.1:5060;"));
  EXPECT_TRUE(
      header_of(out[1].bytes, HeaderName::kRecordRoute).starts_with("<sip:198.19.0.1:5060;"));
  EXPECT_NE(out[1].bytes.find("Record-Route: <sip:198.18.0.1:5060;"), std::string::npos);
  both.deliver({callee, inner, response_to(out[1].bytes, 200, "bob")});
  out = both.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].from, kTandem);
  EXPECT_EQ(out[0].to, kCaller);
}

// One destination, sent to from two addresses: where the one way is broken the other is asked, by
// the same request too.
TEST_F(NetworksTest, FailsOverToTheOtherAddressOfOurs) {
  Node both({.backends = 1, .second_network = true});
  both.configure([&](control::link::RunningConfig& config) {
    auto& all = config.groups[0].destinations;
    all.push_back(all[0]);
    all[0].listen = 0;
    all[1].listen = 1;
    all[1].slot = 1;
    config.groups[0].algorithm = control::link::Algorithm::kRoundRobin;
  });
  both.deliver({kCaller, kTandem, text_of({})});
  auto out = both.settle(now);
  ASSERT_EQ(out.size(), 2u);
  Datagram first = out[1];
  both.unreachable(first);
  out = both.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, first.to);
  EXPECT_NE(out[0].from, first.from);
}

// Said once with that address and once without, it is the same way.
TEST_F(NetworksTest, TheSameWayIsNotTriedTwice) {
  Node both({.backends = 1, .second_network = true});
  both.configure([&](control::link::RunningConfig& config) {
    auto& all = config.groups[0].destinations;
    all.push_back(all[0]);
    all[1].listen = 0;
    all[1].slot = 1;
    config.groups[0].algorithm = control::link::Algorithm::kRoundRobin;
  });
  both.deliver({kCaller, kTandem, text_of({})});
  auto out = both.settle(now);
  ASSERT_EQ(out.size(), 2u);
  both.unreachable(out[1]);
  out = both.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 503);
}

// RFC 3261 16.6 step 4 and RFC 5658: where a call comes in by one address and goes out by another,
// each side finds the one it can reach on top.
TEST_F(NetworksTest, FromOneAddressFamilyToTheOther) {
  Node both({.backends = 1, .both_families = true});
  const sipcore::Endpoint callee = endpoint("[2001:db8:18::21]:5060");
  const sipcore::Endpoint tandem6 = endpoint(kListen6);
  both.configure([&](control::link::RunningConfig& config) {
    config.groups[0].destinations[0].endpoint = callee;
  });
  both.deliver({kCaller, kTandem, text_of({})});
  auto out = both.settle(now);
  ASSERT_EQ(out.size(), 2u);
  Datagram at_callee = out[1];
  EXPECT_EQ(at_callee.to, callee);
  EXPECT_EQ(at_callee.from, tandem6);
  sipcore::Message message;
  message.parse(at_callee.bytes);
  auto* top = message.first(HeaderName::kRecordRoute);
  ASSERT_TRUE(top && message.next(*top));
  std::string six(message.value(*top)), four(message.value(*message.next(*top)));
  EXPECT_TRUE(six.starts_with("<sip:[2001:db8:18::1]:5060;lr;"));
  EXPECT_TRUE(four.starts_with("<sip:198.18.0.1:5060;lr;"));
  both.deliver({callee, tandem6, response_to(at_callee.bytes, 200, "bob")});
  out = both.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, kCaller);
  EXPECT_EQ(out[0].from, kTandem);

  RequestText bye = in_dialog("BYE", at_callee, 2);
  bye.headers = "Route: " + four + "\r\nRoute: " + six + "\r\n";
  both.deliver({kCaller, kTandem, text_of(bye)});
  out = both.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, callee);
  EXPECT_EQ(header_of(out[0].bytes, HeaderName::kRoute), "");

  RequestText back;
  back.method = "BYE";
  back.uri = "sip:alice@198.18.0.10:5060";
  back.via = "SIP/2.0/UDP [2001:db8:18::21]:5060;branch=z9hG4bKback";
  back.from = "<sip:bob@198.18.0.1>;tag=bob";
  back.to = "<sip:alice@198.18.0.10>;tag=alice";
  back.headers = "Route: " + six + ", " + four + "\r\n";
  both.deliver({callee, tandem6, text_of(back)});
  out = both.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, kCaller);
  EXPECT_EQ(out[0].from, kTandem);
  EXPECT_EQ(header_of(out[0].bytes, HeaderName::kRoute), "");
}

}  // namespace
}  // namespace tests
