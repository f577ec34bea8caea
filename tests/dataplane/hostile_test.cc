// What has broken SIP servers before, class by class, against a whole node. The names say the
// class: V1 a wrong length, V4 Via, V6 escapes, V7 injection, V10 spoofing, V11 stray responses,
// V12 amplification, V13 loops, V14 a message that stops the node, V16 hash collisions, V19 open
// relay, V21 bodies, V23 clocks. V2, V3, V5 and V15 are tested beside the parser and the rewriter;
// V24, bytes that nobody wrote, is checked by the node on everything that leaves it.
#include <algorithm>
#include <set>

#include "sipcore/build/token.h"
#include "tests/cases.h"
#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using sipcore::HeaderName;

const sipcore::Endpoint kStranger = endpoint("198.18.0.66:5060");

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

// V10. Whoever guesses the Call-ID but has no token reaches nobody.
TEST_F(HostileTest, ByeWithoutTheTokenReachesNobody) {
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

// V11. Responses of the rudest kind: repeated without end, 2xx after 6xx, 6xx after 2xx.
TEST_F(HostileTest, FailureAfterSuccessGoesNowhere) {
  Datagram at_backend = invite();
  EXPECT_EQ(from_backend(at_backend, response_to(at_backend.bytes, 200, "bob")).size(), 1u);
  auto out = from_backend(at_backend, response_to(at_backend.bytes, 603, "bob"));
  for (const Datagram& one : out) EXPECT_NE(one.to, kCaller);
}

TEST_F(HostileTest, SuccessAfterFailureIsNotASecondFinalResponse) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 603, "bob"));
  auto out = from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  for (const Datagram& one : out) EXPECT_NE(one.to, kCaller);
}

TEST_F(HostileTest, StormOfResponsesMakesNoState) {
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
TEST_F(HostileTest, ResponseOfAnotherMethodIsDropped) {
  Datagram at_backend = invite();
  std::string other = response_to(at_backend.bytes, 200, "bob");
  other.replace(other.find("CSeq: 1 INVITE"), 14, "CSeq: 1 UPDATE");
  EXPECT_TRUE(from_backend(at_backend, other).empty());
  EXPECT_EQ(node.count(Count::drop_unknown_response), 1u);
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
    config.token_key = {7, 7};
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

// V19. Nobody sends through us whereto he likes.
TEST_F(HostileTest, PreloadedRouteIsRefused) {
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
TEST_F(HostileTest, ContactCannotPointAtForbiddenPlaces) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  for (const char* uri : {"sip:127.0.0.1:5061", "sip:198.18.0.1:5060", "sip:255.255.255.255",
                          "sip:224.0.1.75", "sip:0.0.0.0", "sip:169.254.169.254:80", "sip:[::1]",
                          "sip:[::ffff:127.0.0.1]", "sip:[fe80::1]", "sip:[ff02::1]"}) {
    RequestText bye = in_dialog("BYE", at_backend, 2);
    bye.uri = uri;
    bye.from = "<sip:bob@198.18.0.1>;tag=bob";
    bye.to = "<sip:alice@198.18.0.10>;tag=alice";
    bye.via += std::to_string(std::hash<std::string>{}(uri));
    auto out = from_backend(at_backend, text_of(bye));
    ASSERT_EQ(out.size(), 1u) << uri;
    EXPECT_EQ(status_of(out[0].bytes), 502) << uri;
  }
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

// Nothing left to take or to give: each loss is counted, and what was begun goes on.
TEST_F(HostileTest, PortThatTakesNothingLosesByName) {
  node.port(0).refuse_after = 0;
  EXPECT_TRUE(from_caller(text_of({})).empty());
  EXPECT_EQ(node.count(Count::tx_failed), 2u);  // the 100 and the INVITE
  node.port(0).refuse_after = SIZE_MAX;
  auto out = wait(600);  // timer A makes up for it
  ASSERT_GE(out.size(), 1u);
  EXPECT_EQ(method_of(out[0].bytes), "INVITE");
}

TEST_F(HostileTest, PoolWithoutPacketsLosesByName) {
  Datagram at_backend = invite();
  std::vector<dataplane::Packet*> taken;
  while (node.small_packets().available() > 1) taken.push_back(node.small_packets().take());
  RequestText request;
  request.call_id = "second";
  request.via += "second";
  EXPECT_TRUE(from_caller(text_of(request)).empty());
  EXPECT_EQ(node.count(Count::tx_failed), 2u);  // the 100 and the INVITE
  for (auto* packet : taken) dataplane::release(packet);
  EXPECT_GE(wait(600).size(), 1u);  // timer A makes up for it
  EXPECT_EQ(from_backend(at_backend, response_to(at_backend.bytes, 200, "bob")).size(), 1u);
}

TEST_F(HostileTest, FullMailboxBetweenWorkersDropsByName) {
  Node two({.workers = 2});
  const sipcore::HashKey& key = two.config().token_key;
  size_t sent = 0;
  for (int i = 0; sent < dataplane::Handover::kRoom + 100; ++i) {
    RequestText request;
    request.method = "OPTIONS";
    request.uri = "sip:198.18.0.1";
    request.call_id = "mailbox-" + std::to_string(i);
    if (sipcore::siphash(key, request.call_id) % 2 != 1) continue;  // for worker 1
    two.deliver({kCaller, kTandem, text_of(request)});
    ++sent;
    two.poll_worker(0, now);  // worker 1 does not turn
  }
  EXPECT_EQ(two.count(Count::drop_no_memory), 100u);
  EXPECT_EQ(two.settle(now).size(), dataplane::Handover::kRoom);
}

TEST_F(HostileTest, FullMessageStoreIs503AndCallsGoOn) {
  Node small({.limits = {64, 96, 4}});
  std::vector<Datagram> first;
  size_t refused = 0;
  for (int i = 0; i < 20; ++i) {
    RequestText request;
    request.call_id += std::to_string(i);
    request.via += std::to_string(i);
    request.body = std::string(20000, 'x');
    small.deliver({kCaller, kTandem, text_of(request)});
    auto out = small.settle(now);
    if (first.empty()) first = out;
    refused += out.size() == 1 && status_of(out[0].bytes) == 503;
  }
  EXPECT_EQ(refused, 4u);  // there is room for 16 of this size
  EXPECT_EQ(small.count(Count::rejected_full), refused);
  ASSERT_EQ(first.size(), 2u);
  small.deliver({first[1].to, kTandem, response_to(first[1].bytes, 200, "bob")});
  auto out = small.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
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

// What we would add makes it longer than a datagram can be: one answer, and nothing on its way.
TEST_F(HostileTest, RequestThatOutgrowsTheDatagramIs513) {
  size_t taken = 0, refused = 0;
  for (size_t size = 64500; size < 65200; size += 33) {
    RequestText request;
    request.via += std::to_string(size);
    request.body = std::string(size, 'x');
    auto out = from_caller(text_of(request));
    if (out.size() == 1) {
      EXPECT_EQ(status_of(out[0].bytes), 513);
      ++refused;
      continue;
    }
    ++taken;
    ASSERT_EQ(out.size(), 2u);
    EXPECT_TRUE(out[1].bytes.ends_with(request.body));
    from_backend(out[1], response_to(out[1].bytes, 200, "bob"));
  }
  EXPECT_GT(taken, 2u);
  EXPECT_GT(refused, 2u);
  EXPECT_EQ(node.count(Count::tx_failed), 0u);
}

// V10, V19. The token of a call leads its caller to the destination of that call and nowhere else,
// and only that destination to where the caller is.
TEST_F(HostileTest, TokenIsNoTicketToAnywhere) {
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
TEST_F(HostileTest, TelephoneBehindTheDestinationReachesTheCaller) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  RequestText bye = in_dialog("BYE", at_backend, 2);
  bye.uri = "sip:alice@198.18.0.10:5070";
  bye.from = "<sip:bob@198.18.0.1>;tag=bob";
  bye.to = "<sip:alice@198.18.0.10>;tag=alice";
  auto out = from_elsewhere(kStranger, text_of(bye));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].to, endpoint("198.18.0.10:5070"));
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

// V4. Nobody can make us speak to a whole network or to ourselves by giving it as his address.
TEST_F(HostileTest, SourcesThatAreNobodyAreDropped) {
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

// Two workers cut datagrams for one peer at the same time: were two of them to have one
// identification, the peer would mix their pieces.
TEST_F(HostileTest, WorkersDoNotShareFragmentIds) {
  Node two({.workers = 2, .backends = 1});
  for (int i = 0; i < 40; ++i) {
    RequestText request;
    request.call_id = "ids-" + std::to_string(i);
    request.via += std::to_string(i);
    request.body = std::string(3000, 'x');
    two.deliver({kCaller, kTandem, text_of(request)}, i % 2);
  }
  for (int turn = 0; turn < 20; ++turn) {
    for (size_t worker : {0, 1}) two.poll_worker(worker, now);
  }
  std::set<std::string> ids[2];
  for (size_t worker : {0, 1}) {
    for (dataplane::Packet* packet : two.port(worker).from_worker) {
      ids[worker].insert(std::string(packet->bytes().substr(18, 2)));  // of the IPv4 header
    }
    EXPECT_GT(ids[worker].size(), 5u);
    for (const std::string& id : ids[worker]) EXPECT_FALSE(ids[1 - worker].contains(id));
  }
  size_t sent = 0;
  for (const Datagram& one : two.settle(now)) sent += one.to != kCaller;
  EXPECT_EQ(sent, 40u);
}

}  // namespace
}  // namespace tests
