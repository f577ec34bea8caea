// Names by RFC 3263, on a clock moved by hand, and what is known of them beside name servers.
#include <gtest/gtest.h>

#include <deque>

#include "control/resolve/names.h"

namespace control::resolve {
namespace {

class ResolverTest : public testing::Test {
 protected:
  void SetUp() override {
    resolver.on_change = [this](const HostName&) { ++changes; };
    resolver.on_failure = [this](const HostName&) { ++failures; };
  }
  static Record record(const std::string& name, RecordType type, uint32_t ttl_s = 60) {
    Record out;
    out.name = name;
    out.type = type;
    out.ttl_s = ttl_s;
    return out;
  }
  void add_address(const std::string& name, const std::string& ip, uint32_t ttl_s = 60) {
    sipcore::IpAddress address = *sipcore::parse_ip(ip);
    bool v4 = address.family == sipcore::Family::kV4;
    Record one = record(name, v4 ? RecordType::kA : RecordType::kAaaa, ttl_s);
    one.ip = address;
    zone.push_back(one);
  }
  void add_srv(const std::string& name, uint16_t priority, uint16_t weight, uint16_t port,
               const std::string& target) {
    Record one = record(name, RecordType::kSrv);
    one.priority = priority;
    one.weight = weight;
    one.port = port;
    one.target = target;
    zone.push_back(one);
  }
  void add_naptr(const std::string& name, uint16_t order, const std::string& service,
                 const std::string& target) {
    Record one = record(name, RecordType::kNaptr);
    one.priority = order;
    one.flags = "s";
    one.service = service;
    one.target = target;
    zone.push_back(one);
  }
  // Answers what was asked, also what is asked thereby.
  void answer() {
    while (!asked.empty()) {
      auto [name, type, done] = std::move(asked.front());
      asked.pop_front();
      Answer out;
      for (const Record& one : zone) {
        bool alias = one.type == RecordType::kCname;
        if (one.type == type || alias || one.type == RecordType::kA) out.records.push_back(one);
      }
      bool lost = dead || (type == RecordType::kAaaa && v6_dead) ||
                  (type == RecordType::kNaptr && naptr_dead);
      done(lost ? nullptr : &out);
    }
  }
  void run(uint64_t ms) {
    for (uint64_t end = now_ms + ms; now_ms < end; now_ms += 100) {
      resolver.tick(now_ms);
      answer();
    }
  }
  std::vector<std::string> endpoints(const HostName& name) {
    std::vector<std::string> out;
    for (const Member& one : resolver.members(name)) {
      out.push_back(sipcore::to_string(one.endpoint));
    }
    return out;
  }
  std::vector<std::string> resolve(const HostName& name) {
    resolver.want({name}, now_ms);
    answer();
    return endpoints(name);
  }

  struct Question {
    std::string name;
    RecordType type;
    Resolver::Done done;
  };
  std::deque<Question> asked;
  std::vector<Record> zone;
  bool dead = false, v6_dead = false, naptr_dead = false;
  int changes = 0, failures = 0;
  uint64_t now_ms = 1000;
  Resolver resolver{{}, [this](const std::string& name, RecordType type, Resolver::Done done) {
                      asked.push_back({name, type, std::move(done)});
                    }};
};

using Strings = std::vector<std::string>;

TEST_F(ResolverTest, PortMeansAddressesAlone) {
  add_srv("_sip._udp.example.com", 1, 1, 5070, "a.example.com");
  add_address("example.com", "192.0.2.9");
  add_address("example.com", "2001:db8::9");
  EXPECT_EQ(resolve({"example.com", 5090}), (Strings{"[2001:db8::9]:5090", "192.0.2.9:5090"}));
}

TEST_F(ResolverTest, SrvWithPrioritiesAndWeights) {
  add_srv("_sip._udp.example.com", 20, 0, 5070, "b.example.com");
  add_srv("_sip._udp.example.com", 10, 7, 5080, "a.example.com");
  add_address("a.example.com", "192.0.2.9");
  add_address("b.example.com", "192.0.2.8");
  EXPECT_EQ(resolve({"example.com", 0}), (Strings{"192.0.2.9:5080", "192.0.2.8:5070"}));
  const auto& members = resolver.members({"example.com", 0});
  EXPECT_EQ(members[0].srv_priority, 10);
  EXPECT_EQ(members[0].srv_weight, 7);
  EXPECT_EQ(members[1].srv_weight, 1) << "RFC 2782: a very small share, not none";
}

// RFC 3263 4.1: the lowest order, of what we speak.
TEST_F(ResolverTest, NaptrNamesTheService) {
  add_naptr("example.com", 10, "sip+d2t", "_sip._tcp.example.com");
  add_naptr("example.com", 30, "sip+d2u", "_late._udp.example.com");
  add_naptr("example.com", 20, "sip+d2u", "_calls._udp.example.com");
  add_srv("_calls._udp.example.com", 1, 1, 5070, "a.example.com");
  add_srv("_late._udp.example.com", 1, 1, 5071, "a.example.com");
  add_address("a.example.com", "192.0.2.9");
  EXPECT_EQ(resolve({"example.com", 0}), (Strings{"192.0.2.9:5070"}));
}

TEST_F(ResolverTest, WithoutServiceRecordsItIsTheHostItself) {
  add_address("example.com", "192.0.2.9");
  EXPECT_EQ(resolve({"example.com", 0}), (Strings{"192.0.2.9:5060"}));
}

// What the machine itself knows of a name goes before what name servers say, of hosts that
// services lead to as well.
TEST_F(ResolverTest, TheHostsFileGoesFirst) {
  resolver.hosts = [](const std::string& name) {
    std::vector<Record> out;
    if (name != "near.example.com") return out;
    for (const char* ip : {"192.0.2.9", "2001:db8::9", "127.0.0.1"}) {
      Record one = record(name, RecordType::kA);
      one.ip = *sipcore::parse_ip(ip);
      if (one.ip.family == sipcore::Family::kV6) one.type = RecordType::kAaaa;
      out.push_back(one);
    }
    return out;
  };
  dead = true;
  EXPECT_EQ(resolve({"near.example.com", 0}), (Strings{"[2001:db8::9]:5060", "192.0.2.9:5060"}));
  EXPECT_EQ(resolve({"near.example.com", 5090}), (Strings{"[2001:db8::9]:5090", "192.0.2.9:5090"}));
  dead = false;
  add_srv("_sip._udp.example.com", 1, 1, 5070, "near.example.com");
  EXPECT_EQ(resolve({"example.com", 0}), (Strings{"[2001:db8::9]:5070", "192.0.2.9:5070"}));
}

// What was found in a former life counts until something else is found.
TEST_F(ResolverTest, TheLastGoodOneOutlivesTheProcess) {
  add_address("example.com", "192.0.2.9");
  add_srv("_sip._udp.example.com", 1, 5, 5070, "example.com");
  resolve({"example.com", 0});
  std::string text = text_of(resolver.found());
  EXPECT_EQ(text, "example.com 0 1 5 192.0.2.9:5070\n");
  resolver.recall(
      found_in("nonsense\nother.example.com 0 1 x 192.0.2.7:5060\n"
               "other.example.com 5060 0 0 192.0.2.7:5060\n"
               "other.example.com 5060 0 1 192.0.2.8:5060\n"));
  HostName other{"other.example.com", 5060};
  EXPECT_EQ(endpoints(other), (Strings{"192.0.2.8:5060"}));
  dead = true;
  EXPECT_EQ(resolve(other), (Strings{"192.0.2.8:5060"}));
  dead = false;
  add_address("other.example.com", "192.0.2.77");
  run(10000);
  EXPECT_EQ(endpoints(other), (Strings{"192.0.2.77:5060"}));
  // Not wanted for a moment, it is known as it was found last.
  resolver.want({}, now_ms);
  dead = true;
  EXPECT_EQ(resolve(other), (Strings{"192.0.2.77:5060"}));
}

// What is of no use there does not keep a name from being asked for.
TEST_F(ResolverTest, OwnAddressesInTheHostsFileMeanNothing) {
  resolver.hosts = [](const std::string& name) {
    Record own = record(name, RecordType::kA);
    own.ip = *sipcore::parse_ip("127.0.1.1");
    return std::vector<Record>{own};
  };
  add_address("example.com", "192.0.2.9");
  EXPECT_EQ(resolve({"example.com", 5060}), (Strings{"192.0.2.9:5060"}));
}

// One host that two services lead to.
TEST_F(ResolverTest, WhoIsThereTwiceIsOne) {
  auto led_to = [this](Record first, Record second) {
    zone.clear();
    add_srv("_sip._udp.example.com", first.priority, first.weight, 5070, "a.example.com");
    add_srv("_sip._udp.example.com", second.priority, second.weight, 5070, "b.example.com");
    add_address("a.example.com", "192.0.2.9");
    add_address("b.example.com", "192.0.2.9");
    resolver.want({}, now_ms);
    resolve({"example.com", 0});
    return resolver.members({"example.com", 0});
  };
  auto service = [](uint16_t priority, uint16_t weight) {
    Record out;
    out.priority = priority;
    out.weight = weight;
    return out;
  };
  auto members = led_to(service(2, 1), service(1, 1));
  ASSERT_EQ(members.size(), 1u);
  EXPECT_EQ(members[0].srv_priority, 1u);
  members = led_to(service(1, 10), service(1, 60));
  ASSERT_EQ(members.size(), 1u);
  EXPECT_EQ(members[0].srv_weight, 70u);
}

TEST(NameServer, ReadsTheHostsFile) {
  NameServer server;
  ASSERT_EQ(server.open({}), "");
  auto records = server.in_hosts_file("localhost");
  ASSERT_FALSE(records.empty());
  EXPECT_TRUE(records.front().ip.loopback());
  EXPECT_TRUE(server.in_hosts_file("nobody.example.com").empty());
}

TEST_F(ResolverTest, AliasesAreFollowedAndEnd) {
  Record alias = record("example.com", RecordType::kCname);
  alias.target = "real.example.com";
  zone.push_back(alias);
  add_address("real.example.com", "192.0.2.9");
  EXPECT_EQ(resolve({"example.com", 5060}), (Strings{"192.0.2.9:5060"}));
  zone[0].target = "example.com";
  EXPECT_TRUE(resolve({"round.example.com", 5060}).empty());
}

TEST_F(ResolverTest, AskedAgainWhenItsTimeIsUp) {
  add_address("example.com", "192.0.2.9", 20);
  resolve({"example.com", 5060});
  zone[0].ip = *sipcore::parse_ip("192.0.2.8");
  run(19000);
  EXPECT_EQ(endpoints({"example.com", 5060}), (Strings{"192.0.2.9:5060"}));
  run(2000);
  EXPECT_EQ(endpoints({"example.com", 5060}), (Strings{"192.0.2.8:5060"}));
  EXPECT_EQ(changes, 2);
}

// A name server that says "for no time" is not asked all the time.
TEST_F(ResolverTest, TimesAreBounded) {
  add_address("example.com", "192.0.2.9", 0);
  resolve({"example.com", 5060});
  resolver.tick(now_ms + 4900);
  EXPECT_TRUE(asked.empty());
  resolver.tick(now_ms + 5000);
  EXPECT_FALSE(asked.empty());
}

// What was found last stays, whatever goes wrong: a dead server, no such name, half an answer.
TEST_F(ResolverTest, FailureKeepsTheLastGoodOne) {
  add_address("example.com", "192.0.2.9", 5);
  add_address("example.com", "2001:db8::9", 5);
  HostName name{"example.com", 5060};
  Strings good = resolve(name);
  ASSERT_EQ(good.size(), 2u);
  dead = true;
  run(20000);
  EXPECT_EQ(endpoints(name), good);
  EXPECT_GE(failures, 3);
  dead = false;
  zone.clear();
  run(10000);
  EXPECT_EQ(endpoints(name), good);
  add_address("example.com", "192.0.2.7", 5);
  v6_dead = true;
  run(10000);
  EXPECT_EQ(endpoints(name).size(), 3u) << "who is new is taken, nobody goes";
  run(20000);
  EXPECT_EQ(endpoints(name).size(), 3u) << "and nobody comes twice";
  v6_dead = false;
  run(10000);
  EXPECT_EQ(endpoints(name), (Strings{"192.0.2.7:5060"}));
}

// Two groups may name the same host.
TEST_F(ResolverTest, NameThatIsWantedTwiceIsKnownOnce) {
  add_address("example.com", "192.0.2.9");
  HostName name{"example.com", 5060};
  for (int i = 0; i < 5; ++i) {
    resolver.want({name, name}, now_ms);
    answer();
    EXPECT_EQ(endpoints(name).size(), 1u);
  }
  EXPECT_EQ(changes, 1);
}

TEST_F(ResolverTest, ServiceThatIsSaidNotToExistIsNotLookedForElsewhere) {
  add_srv("_sip._udp.example.com", 0, 0, 0, "");
  add_address("example.com", "192.0.2.9");
  EXPECT_TRUE(resolve({"example.com", 0}).empty());
  EXPECT_EQ(failures, 1);
}

TEST_F(ResolverTest, ServerWithoutNaptrIsAskedForSrv) {
  add_srv("_sip._udp.example.com", 1, 1, 5070, "a.example.com");
  add_address("a.example.com", "192.0.2.9");
  naptr_dead = true;
  EXPECT_EQ(resolve({"example.com", 0}), (Strings{"192.0.2.9:5070"}));
}

TEST_F(ResolverTest, HalfAnAnswerIsBetterThanNone) {
  add_address("example.com", "192.0.2.7");
  v6_dead = true;
  EXPECT_EQ(resolve({"example.com", 5060}), (Strings{"192.0.2.7:5060"}));
}

// Whoever writes a zone does not lead us to ourselves, or to everybody.
TEST_F(ResolverTest, AddressesThatAreNobodysAreLeftOut) {
  for (const char* ip : {"127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "169.254.169.254",
                         "::1", "::ffff:192.0.2.1", "ff02::1"}) {
    add_address("example.com", ip);
  }
  add_address("example.com", "192.0.2.9");
  EXPECT_EQ(resolve({"example.com", 5060}), (Strings{"192.0.2.9:5060"}));
}

TEST_F(ResolverTest, NameThatIsNotWantedAnyMoreIsForgotten) {
  add_address("example.com", "192.0.2.9", 5);
  resolver.want({{"example.com", 5060}}, now_ms);
  resolver.want({}, now_ms);
  answer();
  EXPECT_TRUE(endpoints({"example.com", 5060}).empty());
  run(20000);
  EXPECT_EQ(changes, 0);
}

}  // namespace
}  // namespace control::resolve
