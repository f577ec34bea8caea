// Who is kept out before anything of him is read: denied sources, those that send too much, tools
// that look for holes; and that calls of others go on (hostile.md classes R6, R10).
#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using control::link::Networks;
using control::link::parse_network;
using control::link::RunningConfig;
using control::link::ToControl;

class ProtectionTest : public CallTest {
 protected:
  void limit(sipcore::Rate requests, sipcore::Rate invites, uint32_t ban_after = 0) {
    node.configure([&](RunningConfig& config) {
      config.protect.limits = {requests, invites, ban_after};
      std::vector trusted = {*parse_network("198.18.0.21"), *parse_network("198.18.7.0/24")};
      config.protect.trusted = std::make_shared<const Networks>(trusted, config.keys.token);
      config.protect.scanners = {"friendly-scanner", "SIPVicious"};
      config.protect.ban_scanners = ban_scanners;
    });
  }
  std::string request(const std::string& method, int number) {
    RequestText text;
    text.method = method;
    text.uri = method == "OPTIONS" ? "sip:198.18.0.1" : text.uri;
    text.call_id = method + std::to_string(number);
    text.via += method + std::to_string(number);
    return text_of(text);
  }
  // So many requests in the same moment; how many got anything.
  int answered(const sipcore::Endpoint& source, int count, const std::string& method) {
    int out = 0;
    for (int i = 0; i < count; ++i) {
      out += !from_elsewhere(source, request(method, ++sent)).empty();
    }
    return out;
  }
  std::vector<ToControl> bans() {
    std::vector<ToControl> out;
    ToControl message;
    for (auto& mailbox : node.exchange().to_control) {
      while (mailbox->pop(message)) {
        if (message.what == ToControl::What::kBan) out.push_back(message);
      }
    }
    return out;
  }
  int sent = 0;
  bool ban_scanners = false;
};

// RFC 3261 7.5: lines before the start line mean nothing.
TEST_F(ProtectionTest, EmptyLinesBeforeAnInviteHideNothing) {
  limit({0, 0}, {1, 3});
  sipcore::Endpoint source = *sipcore::parse_endpoint("198.18.0.77:5060", 0);
  int got = 0;
  for (int i = 0; i < 10; ++i) {
    got += !from_elsewhere(source, "\r\n\r\n" + request("INVITE", i)).empty();
  }
  EXPECT_EQ(got, 3);
}

TEST_F(ProtectionTest, SourceGetsItsBurstAndThenItsRate) {
  limit({10, 20}, {0, 1});
  EXPECT_EQ(answered(kStranger, 50, "OPTIONS"), 20);
  EXPECT_EQ(node.count(Count::drop_source_rate), 30u);
  EXPECT_EQ(answered(kCaller, 5, "OPTIONS"), 5) << "another source";
  now += 500;
  EXPECT_EQ(answered(kStranger, 50, "OPTIONS"), 5);
  now += 60000;
  EXPECT_EQ(answered(kStranger, 50, "OPTIONS"), 20);
}

TEST_F(ProtectionTest, InvitesHaveARateOfTheirOwn) {
  limit({100, 100}, {1, 3});
  EXPECT_EQ(answered(kStranger, 10, "INVITE"), 3);
  EXPECT_EQ(answered(kStranger, 10, "OPTIONS"), 10);
}

TEST_F(ProtectionTest, TrustedOnesAndResponsesAreNotCounted) {
  limit({1, 1}, {1, 1});
  EXPECT_EQ(answered(endpoint("198.18.7.9:5060"), 10, "OPTIONS"), 0) << "no way back to it";
  EXPECT_EQ(node.count(Count::request_answered), 10u);
  Datagram at = invite();
  EXPECT_EQ(from_elsewhere(backend(1), response_to(at.bytes, 180, "bob")).size(), 1u);
  EXPECT_EQ(from_elsewhere(backend(1), response_to(at.bytes, 180, "bob")).size(), 1u);
  EXPECT_EQ(node.count(Count::drop_source_rate), 0u);
}

// A site has many addresses of IPv6; they are one source.
TEST_F(ProtectionTest, SiteIsOneSource) {
  Node both({.both_families = true});
  both.configure([](RunningConfig& config) { config.protect.limits.requests = {1, 4}; });
  int got = 0;
  for (int i = 0; i < 10; ++i) {
    both.deliver({endpoint("[2001:db8:18::" + std::to_string(10 + i) + "]:5060"),
                  endpoint(kListen6), request("OPTIONS", i)});
    got += static_cast<int>(both.settle(now).size());
  }
  EXPECT_EQ(got, 4);
}

TEST_F(ProtectionTest, ControlIsToldOnceWhoGoesTooFar) {
  limit({1, 1}, {0, 1}, 20);
  answered(kStranger, 20, "OPTIONS");
  EXPECT_TRUE(bans().empty());
  answered(kStranger, 100, "OPTIONS");
  auto told = bans();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].address, kStranger.ip);
}

TEST_F(ProtectionTest, DeniedSourcesGetNothingWhateverTheySend) {
  std::vector denied = {*parse_network("198.18.0.64/30"), *parse_network("2001:db8::/32")};
  node.exchange().denied.publish(std::make_unique<Networks>(denied, node.config().keys.token));
  Datagram at = invite();
  for (const std::string& bytes : {request("OPTIONS", 1), request("INVITE", 2), std::string("x"),
                                   response_to(at.bytes, 200, "bob")}) {
    EXPECT_TRUE(from_elsewhere(kStranger, bytes).empty());
  }
  EXPECT_EQ(node.count(Count::drop_denied), 4u);
  EXPECT_EQ(from_backend(at, response_to(at.bytes, 200, "bob")).size(), 1u);
}

// A ban of a whole site does not touch those in it who are trusted; a denied network does.
TEST_F(ProtectionTest, TrustedOnesAreNotBannedWithTheirNeighbours) {
  limit({0, 1}, {0, 1});
  std::vector all = {*parse_network("198.18.0.0/24")};
  const auto& key = node.config().keys.token;
  node.exchange().banned.publish(std::make_unique<Networks>(all, key));
  EXPECT_TRUE(from_caller(request("OPTIONS", 1)).empty());
  EXPECT_FALSE(from_elsewhere(backend(0), request("OPTIONS", 2)).empty());
  node.exchange().denied.publish(std::make_unique<Networks>(all, key));
  EXPECT_TRUE(from_elsewhere(backend(0), request("OPTIONS", 3)).empty());
}

TEST_F(ProtectionTest, TrustedOnesMayCallThemselvesWhatTheyLike) {
  limit({0, 1}, {0, 1});
  RequestText text;
  text.headers += "User-Agent: friendly-scanner\r\n";
  EXPECT_FALSE(from_elsewhere(backend(0), text_of(text)).empty());
}

// Whoever bans by one datagram lets anybody ban anybody: nobody knows who sent it.
TEST_F(ProtectionTest, ScannerIsDroppedAndNotBannedUnlessToldTo) {
  limit({0, 1}, {0, 1});
  RequestText text;
  text.headers += "User-Agent: friendly-scanner\r\n";
  EXPECT_TRUE(from_elsewhere(kStranger, text_of(text)).empty());
  EXPECT_EQ(node.count(Count::drop_scanner), 1u);
  EXPECT_TRUE(bans().empty());
}

// Nor is one answered whose request is wrong: it would learn that somebody is here.
TEST_F(ProtectionTest, ScannerGetsNoAnswerEvenIfItIsWrong) {
  limit({0, 1}, {0, 1});
  RequestText text;
  text.headers += "User-Agent:\r\n\tFriendly-Scanner 1.0\r\n";
  std::string good = text_of(text), bad = good;
  bad.replace(bad.find("CSeq: 1 "), 8, "CSeq: 2 O");
  for (const std::string& one : {bad, "\r\n\r\n" + good}) {
    EXPECT_TRUE(from_elsewhere(kStranger, one).empty());
  }
  for (const char* method : {"OPTIONS", "BYE", "CANCEL"}) {
    text.method = method;
    EXPECT_TRUE(from_elsewhere(kStranger, text_of(text)).empty()) << method;
  }
  text.method = "INVITE";
  for (const char* to : {"<sip:bob@example.com>;tag", "<sip:bob@example.com>;tag;tag=b"}) {
    text.to = to;
    EXPECT_TRUE(from_elsewhere(kStranger, text_of(text)).empty()) << to;
  }
  EXPECT_EQ(node.count(Count::drop_scanner), 7u);
}

// Who ends what he has begun may be called what he likes, and so may a callee: he was asked.
TEST_F(ProtectionTest, WhatMayBelongToACallIsRead) {
  limit({0, 0}, {0, 0});
  RequestText text;
  EXPECT_EQ(from_elsewhere(kStranger, text_of(text)).size(), 2u);  // 100, and to the backend
  text.headers += "User-Agent: friendly-scanner\r\n";
  text.method = "CANCEL";
  auto out = from_elsewhere(kStranger, text_of(text));
  ASSERT_EQ(out.size(), 1u);  // its own waits for a 1xx
  EXPECT_EQ(status_of(out[0].bytes), 200);
  text.via += "x";  // of nothing that is known
  EXPECT_TRUE(from_elsewhere(kStranger, text_of(text)).empty());
  EXPECT_EQ(node.count(Count::drop_scanner), 1u);
  text.method = "BYE";
  text.to = "<sip:bob@example.com>;tag=b";
  out = from_elsewhere(kStranger, text_of(text));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 481);
  text.method = "ACK";
  text.to = "<sip:bob@example.com>";
  EXPECT_TRUE(from_elsewhere(kStranger, text_of(text)).empty());
  EXPECT_EQ(node.count(Count::drop_scanner), 1u);
}

TEST_F(ProtectionTest, ScannerIsKnownByItsNameAndTold) {
  ban_scanners = true;
  limit({0, 1}, {0, 1});
  for (const char* agent : {"friendly-scanner", "sipvicious/0.3", "SIPVICIOUS"}) {
    RequestText text;
    text.headers += "User-Agent: " + std::string(agent) + "\r\n";
    EXPECT_TRUE(from_elsewhere(kStranger, text_of(text)).empty());
    auto told = bans();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].reason, ToControl::Reason::kScanner);
  }
  RequestText text;
  text.headers += "User-Agent: friendly-scan\r\n";
  EXPECT_FALSE(from_elsewhere(kStranger, text_of(text)).empty());
}

// More sources than the table has room for: nobody is refused who sends little.
TEST_F(ProtectionTest, FloodOfSourcesRefusesNobodyElse) {
  limit({5, 5}, {0, 1});
  for (int i = 0; i < 20000; ++i) {
    std::string ip = "198.18." + std::to_string(1 + i / 250) + "." + std::to_string(1 + i % 250);
    node.deliver({endpoint(ip + ":5060"), kTandem, request("OPTIONS", i)});
    if (i % 32 == 0) node.settle(now);
  }
  node.settle(now);
  EXPECT_EQ(node.count(Count::drop_source_rate), 0u);
  EXPECT_EQ(answered(kCaller, 5, "OPTIONS"), 5);
}

TEST_F(ProtectionTest, DestinationGetsSoManyCallsASecondAndNotOneMore) {
  node.configure([](RunningConfig& config) {
    for (auto& one : config.groups[0].destinations) one.call_rate.peak = {10, 4};
  });
  auto burst = [&] {
    int got = 0;
    for (int i = 0; i < 40; ++i) {
      auto out = from_caller(request("INVITE", ++sent));
      got += out.size() == 2;
      if (out.size() == 2) from_backend(out[1], response_to(out[1].bytes, 486, "b"));
    }
    return got;
  };
  EXPECT_EQ(burst(), 12) << "what one does not take another one does";
  now += 300;
  EXPECT_EQ(burst(), 9);
  EXPECT_EQ(node.count(Count::rejected_no_backend), 80u - 21u);
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(node.destination(i).in_use());
}

TEST(Networks, ParseAndContain) {
  for (const char* bad : {"", "x", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "2001:db8::/129",
                          "192.0.2.0/8x", "/8", "192.0.2.300"}) {
    EXPECT_FALSE(parse_network(bad)) << bad;
  }
  EXPECT_EQ(to_string(*parse_network("192.0.2.77/24")), "192.0.2.0/24");
  EXPECT_EQ(to_string(*parse_network("192.0.2.77/27")), "192.0.2.64/27");
  EXPECT_EQ(to_string(*parse_network("2001:db8::1")), "2001:db8::1");
  std::vector all = {*parse_network("192.0.2.64/27"), *parse_network("10.0.0.0/8"),
                     *parse_network("2001:db8::/32"), *parse_network("203.0.113.7")};
  Networks set(all, {1, 2});
  auto has = [&](const char* ip) { return set.contains(*sipcore::parse_ip(ip)); };
  EXPECT_TRUE(has("192.0.2.64") && has("192.0.2.95") && has("10.255.0.1") && has("2001:db8::9"));
  EXPECT_TRUE(has("203.0.113.7"));
  EXPECT_FALSE(has("192.0.2.63") || has("192.0.2.96") || has("11.0.0.1") || has("2001:db9::"));
  EXPECT_FALSE(has("203.0.113.8"));
  EXPECT_FALSE(Networks().contains(*sipcore::parse_ip("192.0.2.64")));
  std::vector everybody = {*parse_network("0.0.0.0/0")};
  EXPECT_TRUE(Networks(everybody, {1, 2}).contains(*sipcore::parse_ip("8.8.8.8")));
}

// A million of them, each found and nobody else.
TEST(Networks, AMillion) {
  std::vector<control::link::Network> all;
  for (uint32_t i = 0; i < 1000000; ++i) {
    control::link::Network one;
    one.ip.family = sipcore::Family::kV4;
    one.bits = 32;
    for (size_t byte = 0; byte < 4; ++byte) {
      one.ip.bytes[byte] = static_cast<uint8_t>((i * 2) >> (8 * (3 - byte)));
    }
    all.push_back(one);
  }
  Networks set(all, {1, 2});
  for (uint32_t i = 0; i < all.size(); i += 97) {
    ASSERT_TRUE(set.contains(all[i].ip));
    auto other = all[i].ip;
    other.bytes[3] |= 1;
    ASSERT_FALSE(set.contains(other));
  }
}

TEST(Rate, TakesItsBurstThenItsRateAndNeverMore) {
  std::mt19937_64 random(1);
  for (sipcore::Rate rate :
       {sipcore::Rate{1, 1}, {10, 1}, {10, 50}, {1000, 10}, {333, 7}, {50, 50, 60}}) {
    const uint64_t window_ns = uint64_t{1000000000} * rate.seconds;
    std::atomic<uint64_t> state{0};
    uint64_t now_ns = 5000000000, begin = now_ns, taken = 0;
    for (int i = 0; i < 20000; ++i) {
      now_ns += random() % (2 * window_ns / rate.events / 10);
      bool room = rate.has_room(state, now_ns);
      bool took = rate.take(state, now_ns);
      ASSERT_EQ(room, took);
      taken += took;
      uint64_t allowed = rate.burst + (now_ns - begin) * rate.events / window_ns;
      ASSERT_LE(taken, allowed + 1);
    }
    EXPECT_GT(taken, (now_ns - begin) * rate.events / window_ns * 9 / 10);
  }
}

// What the longer window refuses has taken nothing of the shorter one.
TEST(Rate, TwoWindowsTakeTogetherOrNotAtAll) {
  constexpr uint64_t kSecond = 1000000000;
  sipcore::CallRate rate{{1, 1}, {1, 1, 10}};
  sipcore::CallRate::State state;
  EXPECT_TRUE(rate.take(state, 5 * kSecond));
  EXPECT_FALSE(rate.take(state, 14 * kSecond + kSecond / 2));
  EXPECT_TRUE(rate.take(state, 15 * kSecond));
  rate.give_back(state);
  EXPECT_TRUE(rate.take(state, 15 * kSecond));
  EXPECT_FALSE(rate.take(state, 16 * kSecond));
}

}  // namespace
}  // namespace tests
