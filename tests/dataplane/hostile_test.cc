// What has broken SIP servers before, class by class, against a whole node. The names say the
// class: V1 a wrong length, V4 Via, V6 escapes, V7 injection, V12 amplification, V13 loops, V14 a
// message that stops the node, V16 hash collisions, V21 bodies, V23 clocks. V10, V11 and V19 are in
// trust_test.cc; V2, V3, V5 and V15 are tested beside the parser and the rewriter; V24, bytes that
// nobody wrote, is checked by the node on everything that leaves it.
#include <algorithm>

#include "sipcore/build/token.h"
#include "tests/cases.h"
#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using sipcore::HeaderName;

class HostileTest : public CallTest {
 protected:
  // An OPTIONS for the node itself is answered, whatever came before.
  void expect_alive() {
    RequestText options;
    options.method = "OPTIONS";
    options.uri = "sip:198.18.0.1";
    options.call_id = "alive-" + std::to_string(++probes_);
    options.via += std::to_string(probes_) + "alive";
    auto out = from_caller(text_of(options));
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(status_of(out[0].bytes), 200);
  }
  std::string with_line(const RequestText& request, const std::string& line,
                        const std::string& replacement) {
    std::string text = text_of(request);
    size_t at = text.find(line);
    EXPECT_NE(at, std::string::npos) << line;
    return text.replace(at, text.find("\r\n", at) - at, replacement);
  }

 private:
  int probes_ = 0;
};

// V1. RFC 3261 18.3: what follows the body in a datagram is not part of the message.
TEST_F(HostileTest, TailBehindTheBodyIsNotSentOn) {
  RequestText request;
  request.body = "body";
  std::string smuggled = text_of({.method = "BYE"});
  Datagram at_backend = invite(request);
  auto out = from_caller(text_of({.via = "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bKv1",
                                  .call_id = "v1",
                                  .body = "body"}) +
                         smuggled);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_TRUE(out[1].bytes.ends_with("\r\n\r\nbody"));
  EXPECT_EQ(node.count(Count::packets_in), 2u);
}

TEST_F(HostileTest, WrongContentLengthIs400AndTheNextMessageIsFine) {
  for (const char* bad : {"-1", "5x", "2147483648", "18446744073709551616", "1, 1", "900", ""}) {
    auto out = from_caller(with_line({}, "Content-Length", std::string("Content-Length: ") + bad));
    ASSERT_EQ(out.size(), 1u) << bad;
    EXPECT_EQ(status_of(out[0].bytes), 400) << bad;
    expect_alive();
  }
  EXPECT_EQ(node.transactions(), 0u);
}

// V4. Whatever a Via says, an answer goes to the address that the packet came from.
TEST_F(HostileTest, AnswersGoToTheSourceOnly) {
  for (const char* sent_by : {"255.255.255.255:5060", "224.0.1.75", "198.18.0.1:5060", "127.0.0.1",
                              "[ff02::1]:5060", "[::1]", "198.18.0.99:9"}) {
    for (const char* more : {"", ";received=198.18.0.99", ";rport", ";maddr=224.2.0.1",
                             ";received=255.255.255.255;rport=7"}) {
      RequestText request;
      request.via = std::string("SIP/2.0/UDP ") + sent_by + ";branch=z9hG4bKv4" + more;
      request.headers += "Proxy-Require: nothing-we-know\r\n";
      for (const Datagram& one : from_elsewhere(kStranger, text_of(request))) {
        EXPECT_EQ(one.to.ip, kStranger.ip) << request.via;
      }
    }
  }
}

TEST_F(HostileTest, ViasInAnyNumber) {
  for (int count : {1, 16, 17, 70, 128, 129, 255, 256, 1000}) {
    RequestText request;
    request.via += std::to_string(count);
    for (int i = 1; i < count; ++i) request.via += ", SIP/2.0/UDP h" + std::to_string(i);
    auto out = from_caller(text_of(request));
    if (count <= 128) {
      ASSERT_EQ(out.size(), 2u) << count;
      EXPECT_EQ(method_of(out[1].bytes), "INVITE");
    } else {
      ASSERT_EQ(out.size(), 1u) << count;
      EXPECT_EQ(status_of(out[0].bytes), 513);
    }
    expect_alive();
  }
}

TEST_F(HostileTest, EmptyBranchIsNoTransactionOfTheNextOne) {
  RequestText request;
  request.via = "SIP/2.0/UDP 198.18.0.10:5060;branch=";
  EXPECT_EQ(from_caller(text_of(request)).size(), 1u);  // 400: an empty value
  request.via = "SIP/2.0/UDP 198.18.0.10:5060";         // RFC 2543: the whole tuple decides
  EXPECT_EQ(from_caller(text_of(request)).size(), 2u);
  request.call_id = "another";
  EXPECT_EQ(from_caller(text_of(request)).size(), 2u);
}

// V6. Nothing is unescaped on the way, and an escaped method is another method.
TEST_F(HostileTest, EscapesPassAsTheyAre) {
  for (const char* uri :
       {"sip:%6aoe@198.18.0.1", "sip:a%00b@198.18.0.1", "sip:%25%34%31@198.18.0.1"}) {
    RequestText request;
    request.uri = uri;
    request.via += std::to_string(std::hash<std::string>{}(uri));
    auto out = from_caller(text_of(request));
    ASSERT_EQ(out.size(), 2u) << uri;
    EXPECT_TRUE(out[1].bytes.starts_with("INVITE " + request.uri + " SIP/2.0\r\n"));
  }
  RequestText request;
  request.method = "ACK%20";  // a token, and not ACK
  auto out = from_caller(text_of(request));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(method_of(out[0].bytes), "ACK%20");
}

// V7. A value cannot become a line: neither of the request sent on, nor of our answer.
TEST_F(HostileTest, NoValueBecomesALine) {
  for (const char* evil : {"a\rX-Evil: 1", "a\nX-Evil: 1", "a\r\r\nX-Evil: 1"}) {
    auto out = from_caller(with_line({}, "Call-ID", std::string("Call-ID: ") + evil));
    for (const Datagram& one : out) {
      EXPECT_EQ(one.bytes.find("\nX-Evil"), std::string::npos);
      EXPECT_EQ(one.bytes.find("\rX-Evil"), std::string::npos);
    }
    expect_alive();
  }
  RequestText request;
  request.from = "\"'; DROP TABLE x;-- %s%n \\\" \x1b[31m\" <sip:alice@198.18.0.10>;tag=alice";
  auto out = from_caller(text_of(request));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(header_of(out[1].bytes, HeaderName::kFrom), request.from);
}

// V12. Every refusal is one packet, to the source, and not longer than half as much again as what
// it answers; afterwards there is silence.
TEST_F(HostileTest, RefusalsDoNotAmplify) {
  RequestText unknown_route;
  unknown_route.headers += "Route: <sip:198.18.0.99;lr>\r\n";
  RequestText no_dialog;
  no_dialog.to += ";tag=x";
  RequestText extension;
  extension.headers += "Proxy-Require: a\r\n";
  RequestText scheme;
  scheme.uri = "nobody:knows@this";
  std::vector<std::string> requests = {text_of(unknown_route),
                                       text_of(no_dialog),
                                       text_of(extension),
                                       text_of(scheme),
                                       with_line({}, "Max-Forwards", "Max-Forwards: 0"),
                                       with_line({}, "Content-Length", "Content-Length: 99"),
                                       with_line({}, "Call-ID", "X: y"),
                                       with_line({}, "Contact", "\x01: y"),
                                       with_line({}, "From", "From: <")};
  for (const std::string& request : requests) {
    auto out = from_elsewhere(kStranger, request);
    ASSERT_EQ(out.size(), 1u) << request;
    EXPECT_LE(out[0].bytes.size() * 2, request.size() * 3) << out[0].bytes;
  }
  EXPECT_EQ(node.transactions(), 0u);
  EXPECT_TRUE(wait(40000).empty());
}

// A spoofed INVITE that goes through makes one packet towards its alleged source, the 100, until a
// backend answers.
TEST_F(HostileTest, SpoofedInviteSendsOneSmallPacketToItsVictim) {
  std::string request = text_of({});
  size_t bytes = 0, packets = 0;
  for (const Datagram& one : from_elsewhere(kStranger, request)) {
    if (one.to.ip != kStranger.ip) continue;
    ++packets;
    bytes += one.bytes.size();
  }
  EXPECT_EQ(packets, 1u);
  EXPECT_LE(bytes * 2, request.size() * 3);
}

TEST_F(HostileTest, RequestShorterThanItsAnswerGetsNone) {
  for (const char* tiny : {"OPTIONS a SIP/2.0\r\nv:SIP/2.0/UDP a\r\n\r\n",
                           "OPTIONS sip:198.18.0.1 SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK1\r\n"
                           "f:<s:a>\r\nt:<s:b>\r\ni:1\r\nCSeq:1 OPTIONS\r\n\r\n"}) {
    for (const Datagram& one : from_elsewhere(kStranger, tiny)) {
      EXPECT_LE(one.bytes.size() * 2, std::string(tiny).size() * 3) << one.bytes;
    }
  }
  EXPECT_GE(node.count(Count::drop_too_short), 1u);
}

// What RFC 3261 17.2.1 asks for is the only thing that is sent more than once without being asked
// again: the failure that a backend gave, until the ACK comes, for 64 * T1.
TEST_F(HostileTest, FailureWithoutItsAckIsRepeatedForSoLongAndNoLonger) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 486, "bob"));
  size_t again = 0;
  for (const Datagram& one : wait(33000)) again += one.to == kCaller;
  EXPECT_EQ(again, 10u);  // timer G: 0.5, 1, 2, 4, 4 ... seconds
  EXPECT_TRUE(wait(60000).empty());
}

// V13. Two nodes that have each other as their only backend: a request ends after one round.
TEST_F(HostileTest, TwoNodesInARingEndALoop) {
  const sipcore::Endpoint second = endpoint("198.18.0.2:5060");
  Node other({.listen = "198.18.0.2:5060", .backends = 1});
  other.configure([&](control::link::RunningConfig& config) {
    config.keys = {{7, 7}, {8, 8}};
    config.groups[0].destinations[0].endpoint = kTandem;
  });
  node.configure([&](control::link::RunningConfig& config) {
    config.groups[0].destinations.resize(1);
    config.groups[0].destinations[0].endpoint = second;
  });
  size_t requests = 0, loops = 0;
  std::vector<Datagram> wire = from_caller(text_of({}));
  for (int round = 0; round < 2000 && !wire.empty(); ++round) {
    std::vector<Datagram> next;
    for (const Datagram& one : wire) {
      requests += method_of(one.bytes) == "INVITE" && status_of(one.bytes) == 0;
      loops += status_of(one.bytes) == 482;
      Node& at = one.to == second ? other : node;
      if (one.to == kCaller) continue;
      at.deliver(one);
      auto some = at.settle(now);
      next.insert(next.end(), some.begin(), some.end());
    }
    wire = next;
  }
  EXPECT_LE(requests, 3u);
  EXPECT_GE(loops, 1u);
}

// V14. After each of the message cases, whole and cut in half, the node answers.
TEST_F(HostileTest, NoMessageStopsTheNode) {
  for (const Case& one : read_cases(std::string(TANDEM_SOURCE) + "/tests/cases")) {
    SCOPED_TRACE(one.name);
    from_elsewhere(kStranger, one.message);
    expect_alive();
    from_elsewhere(kStranger, one.message.substr(0, one.message.size() / 2));
    expect_alive();
  }
}

// V15. Lists and parameters of any length, in headers that we read and in those that we do not.
TEST_F(HostileTest, ManyMembersOfEveryList) {
  int id = 0;
  for (const char* header : {"Contact", "Route", "Record-Route", "Accept", "Supported", "X-Own"}) {
    for (int count : {1, 16, 17, 255, 256, 1500}) {
      std::string list = std::string(header) + ": <sip:a@198.18.0.9;lr>";
      for (int i = 1; i < count; ++i) list += ",<sip:b@198.18.0.9;lr>;p=" + std::to_string(i);
      RequestText request;
      request.headers = list + "\r\n";
      request.via += "v15" + std::to_string(++id);
      EXPECT_GE(from_caller(text_of(request)).size(), 1u) << header << " " << count;
      expect_alive();
    }
  }
}

// V16. Keys that collide under one secret do not under another.
TEST_F(HostileTest, ChosenCallIdsSpreadUnderAnotherKey) {
  const sipcore::HashKey known{1, 2}, secret{0x1234, 0x5678};
  constexpr uint64_t kBuckets = 1024;
  std::vector<size_t> load(kBuckets);
  size_t chosen = 0;
  for (uint64_t i = 0; chosen < 4096; ++i) {
    std::string call_id = std::to_string(i) + "@attacker";
    if (sipcore::siphash(known, call_id) % kBuckets != 0) continue;
    ++chosen;
    ++load[sipcore::siphash(secret, call_id) % kBuckets];
  }
  EXPECT_LE(*std::max_element(load.begin(), load.end()), 24u);  // mean 4
}

// V21. Every byte of a body arrives, in both directions, in one packet and in many.
TEST_F(HostileTest, BodiesPassByteForByte) {
  for (size_t size : {1, 255, 1000, 5000, 60000}) {
    RequestText request;
    request.call_id = "body-" + std::to_string(size);
    request.via += std::to_string(size);
    for (size_t i = 0; i < size; ++i) request.body += static_cast<char>(i * 7 + i / 256);
    auto out = from_caller(text_of(request));
    ASSERT_EQ(out.size(), 2u) << size;
    EXPECT_TRUE(out[1].bytes.ends_with("\r\n\r\n" + request.body));
    out = from_backend(out[1], response_to(out[1].bytes, 200, "bob", {}, request.body));
    ASSERT_EQ(out.size(), 1u) << size;
    EXPECT_TRUE(out[0].bytes.ends_with("\r\n\r\n" + request.body));
  }
}

// V23. A call across the moment when 32 bits of milliseconds are full, and after a long standstill.
TEST_F(HostileTest, CallAcrossAWrapOfTheClock) {
  for (uint64_t wrap : {uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 33}) {
    Node young{{}};
    now = wrap - 300;
    young.settle(now);
    young.deliver({kCaller, kTandem, text_of({})});
    auto out = young.settle(now);
    ASSERT_EQ(out.size(), 2u);
    size_t again = 0;
    for (; now < wrap + 1100; now += 10) again += young.settle(now).size();
    EXPECT_EQ(again, 1u);  // timer A: at 500 ms, the next at 1500
    young.deliver({out[1].to, kTandem, response_to(out[1].bytes, 486, "bob")});
    young.settle(now);
    for (; now < wrap + 80000; now += 100) young.settle(now);
    EXPECT_EQ(young.transactions(), 0u);
  }
}

TEST_F(HostileTest, StandstillOfThirtySecondsIsOneBurst) {
  invite();
  now += 30000;
  auto out = node.settle(now);
  EXPECT_LE(out.size(), 4u);  // not one for each retransmission missed
}

// V5, V15: names of any length, in the INVITE, and in the ACK and CANCEL that are made of it.
TEST_F(HostileTest, LongNamesGetTheirCancelAndAck) {
  RequestText request;
  request.to = "\"" + std::string(4100, 'n') + "\" <sip:bob@198.18.0.1>";
  request.via = "SIP/2.0/UDP 198.18.0.10:5060;rport;branch=z9hG4bK" + std::string(2100, 'b');
  Datagram at_backend = invite(request);
  from_backend(at_backend, response_to(at_backend.bytes, 180, "bob"));
  request.method = "CANCEL";
  auto out = from_caller(text_of(request));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(method_of(out[1].bytes), "CANCEL");
  out = from_backend(at_backend, response_to(at_backend.bytes, 487, "bob"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(method_of(out[0].bytes), "ACK");
  EXPECT_EQ(node.count(Count::tx_failed), 0u);
}

// RFC 3261 9.2, 11.2: a CANCEL and an OPTIONS for ourselves go no further, so that no hop is
// needed.
TEST_F(HostileTest, NoHopsLeftIsEnoughForWhatEndsHere) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 180, "bob"));
  RequestText cancel;
  cancel.method = "CANCEL";
  auto out = from_caller(with_line(cancel, "Max-Forwards", "Max-Forwards: 0"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
  EXPECT_EQ(method_of(out[1].bytes), "CANCEL");
  RequestText options;
  options.method = "OPTIONS";
  options.uri = "sip:198.18.0.1";
  out = from_caller(with_line(options, "Max-Forwards", "Max-Forwards: 0"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
}

// RFC 3261 26.2.2: what asks for TLS does not leave in the clear.
TEST_F(HostileTest, SipsDoesNotLeaveOverUdp) {
  RequestText request;
  request.uri = "sips:bob@198.18.0.1";
  auto out = from_caller(text_of(request));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 416);
}

TEST_F(HostileTest, AnswersCarryWhatTheyMust) {
  RequestText request;
  request.headers += "Timestamp: 54.1\r\n";
  auto out = from_caller(text_of(request));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_NE(out[0].bytes.find("\r\nTimestamp: 54.1\r\n"), std::string::npos);  // 8.2.6.1
  request.headers = "Proxy-Require: one\r\nProxy-Require: " + std::string(300, 'x') + "\r\n";
  request.via += "420";
  out = from_caller(text_of(request));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 420);
  EXPECT_NE(out[0].bytes.find("Unsupported: one\r\n"), std::string::npos);  // 16.3 step 5
  EXPECT_NE(out[0].bytes.find(std::string(300, 'x')), std::string::npos);
}

}  // namespace
}  // namespace tests
