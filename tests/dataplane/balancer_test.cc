// Behind a balancer that says by a PROXY header from whom a datagram is.
#include "dataplane/net/proxy_header.h"
#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using control::link::Networks;
using control::link::RunningConfig;
using sipcore::Endpoint;
using sipcore::HeaderName;

const Endpoint kBalancer = endpoint("198.18.0.99:40001");

std::string big_endian(size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

std::string bytes_of(const Endpoint& endpoint) {
  return std::string(reinterpret_cast<const char*>(endpoint.ip.bytes.data()), endpoint.ip.size());
}

std::string header(uint8_t command, uint8_t family, const std::string& more) {
  return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + static_cast<char>(command) +
         static_cast<char>(family) + big_endian(more.size()) + more;
}

// As a balancer writes it that was sent to at `target`.
std::string header_of_source(const Endpoint& source, const Endpoint& target,
                             const std::string& more = {}) {
  uint8_t family = source.ip.family == sipcore::Family::kV4 ? 0x12 : 0x22;
  return header(0x21, family,
                bytes_of(source) + bytes_of(target) + big_endian(source.port) +
                    big_endian(target.port) + more);
}

TEST(ProxyHeader, SaysFromWhomADatagramIs) {
  for (auto [source, target] : {std::pair{"203.0.113.7:5062", "192.0.2.1:5060"},
                                {"[2001:db8::7]:5062", "[2001:db8::1]:5060"}}) {
    // What follows the addresses (TLVs) is passed over.
    std::string text = header_of_source(endpoint(source), endpoint(target), "\x04\x01\x02xx");
    auto read = dataplane::read_proxy_header(text + "OPTIONS ");
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->source, endpoint(source));
    EXPECT_EQ(read->size, text.size());
    for (size_t size = 0; size < text.size(); ++size) {
      EXPECT_FALSE(dataplane::read_proxy_header(text.substr(0, size)).has_value()) << size;
    }
  }
}

TEST(ProxyHeader, MappedAddressIsThatOfIpv4) {
  Endpoint mapped = endpoint("[2001:db8::7]:5062");
  std::string written("\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71\x07", 16);
  std::copy(written.begin(), written.end(), mapped.ip.bytes.begin());
  auto read =
      dataplane::read_proxy_header(header_of_source(mapped, endpoint("[2001:db8::1]:5060")));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->source, endpoint("203.0.113.7:5062"));
}

TEST(ProxyHeader, OfTheBalancerItself) {
  for (const std::string& text : {header(0x20, 0x12, "abc"), header(0x21, 0x00, "")}) {
    auto read = dataplane::read_proxy_header(text);
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(read->source.ip.none());
    EXPECT_EQ(read->size, text.size());
  }
}

TEST(ProxyHeader, OthersAreNone) {
  std::string addresses("\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14", 12);
  EXPECT_TRUE(dataplane::read_proxy_header(header(0x21, 0x12, addresses)).has_value());
  std::string nobody("\xff\xff\xff\xff\x05\x06\x07\x08\x11\x12\x13\x14", 12);
  std::string no_port("\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x13\x14", 12);
  for (const std::string& text :
       {header(0x21, 0x11, addresses), header(0x21, 0x31, addresses), header(0x22, 0x12, addresses),
        header(0x11, 0x12, addresses), header(0x21, 0x22, addresses), header(0x21, 0x12, nobody),
        header(0x21, 0x12, no_port), header(0x21, 0x12, addresses.substr(1)),
        std::string("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n")}) {
    EXPECT_FALSE(dataplane::read_proxy_header(text).has_value());
  }
}

class BalancerTest : public CallTest {
 protected:
  void SetUp() override {
    node.configure([&](RunningConfig& config) {
      expect_balancers(config);
      config.protect.limits = limits;
    });
  }
  static void expect_balancers(RunningConfig& config) {
    std::vector balancers = {*control::link::parse_network("198.18.0.96/28")};
    config.listens[0].balancers = std::make_shared<const Networks>(balancers, config.keys.token);
  }
  // From a telephone behind the balancer.
  std::vector<Datagram> from_behind(const std::string& bytes, const Endpoint& source = kCaller) {
    return from_elsewhere(kBalancer, header_of_source(source, endpoint("192.0.2.1:5060")) + bytes);
  }
  control::link::SourceLimits limits;
};

// All of a call: what is for the caller goes back by the balancer, his address is what is seen.
TEST_F(BalancerTest, CallOfOneBehindIt) {
  RequestText request;
  request.via = "SIP/2.0/UDP 10.0.0.7:5066;branch=z9hG4bKbehind";
  auto out = from_behind(text_of(request));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].to, kBalancer);
  EXPECT_EQ(status_of(out[0].bytes), 100);
  Datagram at_backend = out[1];
  EXPECT_NE(at_backend.bytes.find(";received=198.18.0.10"), std::string::npos) << at_backend.bytes;
  EXPECT_TRUE(at_backend.bytes.starts_with("INVITE "));
  EXPECT_EQ(from_behind(text_of(request)).size(), 1u) << "the same again";
  out = from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, kBalancer);
  out = from_backend(at_backend, text_of(bye_of_callee(at_backend, "sip:alice@10.0.0.7:5066")));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(method_of(out[0].bytes), "BYE");
  EXPECT_EQ(out[0].to, kBalancer);
  out = from_behind(response_to(out[0].bytes, 200, "alice"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
  EXPECT_EQ(out[0].to, at_backend.to);
}

TEST_F(BalancerTest, InDialogRequestsOfTheCallerGoToHisDestination) {
  auto out = from_behind(text_of({}));
  ASSERT_EQ(out.size(), 2u);
  Datagram at_backend = out[1];
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  out = from_behind(text_of(in_dialog("BYE", at_backend, 2)));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, at_backend.to);
  out = from_backend(out[0], response_to(out[0].bytes, 200, "bob"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, kBalancer);
}

// A balancer hands on what comes from the address that it has sent to, wherever the callee's
// request came; and the caller's answer finds back by the port that it came from.
TEST_F(BalancerTest, WhatIsForTheCallerLeavesFromWhereHisCallCame) {
  node.configure([&](RunningConfig& config) {
    expect_balancers(config);
    config.listens.push_back(config.listens[0]);
    config.listens[1].endpoint.port = 5080;
  });
  auto out = from_behind(text_of({}));
  ASSERT_EQ(out.size(), 2u);
  Datagram at_backend = out[1];
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  std::string bye = text_of(bye_of_callee(at_backend, "sip:alice@10.0.0.7:5066"));
  node.deliver({at_backend.to, endpoint("198.18.0.1:5080"), bye});
  out = node.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, kBalancer);
  EXPECT_EQ(out[0].from, kTandem);
  EXPECT_NE(out[0].bytes.find("Via: SIP/2.0/UDP 198.18.0.1:5060;branch="), std::string::npos);
  EXPECT_NE(out[0].bytes.find(";rport\r\n"), std::string::npos) << out[0].bytes;
}

// Callers know the balancer's address alone.
TEST_F(BalancerTest, CallersAreToldTheAddressThatTheyKnow) {
  Endpoint known = endpoint("203.0.113.1:5060");
  node.configure([&](RunningConfig& config) {
    expect_balancers(config);
    config.listens[0].advertised = known;
  });
  RequestText options;
  options.method = "OPTIONS";
  options.uri = "sip:203.0.113.1";
  auto out = from_behind(text_of(options));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
  RequestText request;
  request.headers += "Route: <sip:203.0.113.1;lr>\r\n";
  out = from_behind(text_of(request));
  ASSERT_EQ(out.size(), 2u);
  Datagram at_backend = out[1];
  size_t ours = at_backend.bytes.find("Record-Route: <sip:198.18.0.1");
  size_t theirs = at_backend.bytes.find("Record-Route: <sip:203.0.113.1");
  EXPECT_LT(ours, theirs) << "the one that the callee sends to comes first";
  ASSERT_NE(theirs, std::string::npos);
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  RequestText bye = in_dialog("BYE", at_backend, 2);
  size_t end = at_backend.bytes.find('\r', theirs);
  bye.headers =
      "Route: " + at_backend.bytes.substr(theirs + 14, end - theirs - 14) + "\r\n" + "Route: " +
      at_backend.bytes.substr(ours + 14, at_backend.bytes.find('\r', ours) - ours - 14) + "\r\n";
  out = from_behind(text_of(bye));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, at_backend.to);
  EXPECT_EQ(out[0].bytes.find("Route: "), std::string::npos);
}

// NAT before us: the caller is where he says, but knows us by another address, which only one of
// ours stands behind.
TEST_F(BalancerTest, BehindNatTheAddressThatWasCalledIsKept) {
  node.configure([&](RunningConfig& config) {
    config.listens[0].advertised = endpoint("203.0.113.1:5090");
    config.listens.push_back({endpoint("198.18.0.1:5080"), 0, 0, nullptr, {}});
  });
  Datagram at_backend = invite();
  EXPECT_NE(at_backend.bytes.find("Record-Route: <sip:203.0.113.1:5090;"), std::string::npos);
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  std::string bye = text_of(bye_of_callee(at_backend, "sip:alice@198.18.0.10:5060"));
  node.deliver({at_backend.to, endpoint("198.18.0.1:5080"), bye});
  auto out = node.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, kCaller);
  EXPECT_EQ(out[0].from, kTandem);
  EXPECT_NE(out[0].bytes.find(";rport\r\n"), std::string::npos) << out[0].bytes;
}

// Whoever comes to the same address past the balancer knows it by itself.
TEST_F(BalancerTest, WhoComesPastItIsToldOurOwnAddress) {
  node.configure([&](RunningConfig& config) {
    expect_balancers(config);
    config.listens[0].advertised = endpoint("203.0.113.1:5060");
  });
  Datagram at_backend = invite();
  EXPECT_EQ(at_backend.bytes.find("203.0.113.1"), std::string::npos) << at_backend.bytes;
}

// A balancer that does not know from whom something is, and one that asks whether we live.
TEST_F(BalancerTest, WithoutASourceAnswersGoBackByItAsWell) {
  RequestText options;
  options.method = "OPTIONS";
  options.uri = "sip:198.18.0.1";
  for (uint8_t command : {0x21, 0x20}) {
    options.call_id = std::to_string(command);
    options.via = "SIP/2.0/UDP 10.0.0.7:5066;branch=z9hG4bKnobody" + options.call_id;
    auto out = from_elsewhere(kBalancer, header(command, 0, "") + text_of(options));
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].to.ip, kBalancer.ip);
    EXPECT_EQ(out[0].to.port, command == 0x21 ? kBalancer.port : 5066);
  }
}

// What is refused, at once and after a failure, is told by the same way.
TEST_F(BalancerTest, AnswersGoBackByIt) {
  RequestText bad;
  bad.cseq = 7;
  std::string text = text_of(bad);
  text.replace(text.find("CSeq: 7"), 7, "CSeq: x");
  auto out = from_behind(text);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 400);
  EXPECT_EQ(out[0].to, kBalancer);
  out = from_behind(text_of({}));
  ASSERT_EQ(out.size(), 2u);
  out = from_backend(out[1], response_to(out[1].bytes, 486, "bob"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[1].to, kBalancer);
}

TEST_F(BalancerTest, WithoutTheHeaderNothingIsTaken) {
  for (const std::string& bytes :
       {text_of({}), header(0x21, 0x11, std::string(12, 'a')) + text_of({}), std::string("\r\n")}) {
    EXPECT_EQ(from_elsewhere(kBalancer, bytes).size(), 0u);
  }
  EXPECT_EQ(node.count(Count::drop_bad_proxy_header), 3u);
  // Whoever is no balancer cannot say who he is.
  std::string lie = header_of_source(kCaller, kTandem) + text_of({});
  EXPECT_EQ(from_elsewhere(kStranger, lie).size(), 0u);
  EXPECT_EQ(node.count(Count::drop_bad_proxy_header), 3u);
  EXPECT_EQ(from_caller(text_of({})).size(), 2u);
  EXPECT_EQ(from_behind(text_of({}), endpoint("127.0.0.1:5060")).size(), 0u);
  EXPECT_EQ(node.count(Count::drop_bad_source), 1u);
}

// Rates are of those behind it, not of the balancer.
TEST_F(BalancerTest, EachOneBehindItHasARateOfHisOwn) {
  limits = {{1, 2}, {0, 1}, 0};
  SetUp();
  for (const char* source : {"203.0.113.7:5060", "203.0.113.8:5060"}) {
    int got = 0;
    for (int i = 0; i < 5; ++i) {
      RequestText options;
      options.method = "OPTIONS";
      options.uri = "sip:198.18.0.1";
      options.call_id = source + std::to_string(i);
      options.via += options.call_id.substr(0, 11) + std::to_string(i);
      got += !from_behind(text_of(options), endpoint(source)).empty();
    }
    EXPECT_EQ(got, 2);
  }
}

}  // namespace
}  // namespace tests
