#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "control/config/destination.h"
#include "control/config/rule_words.h"
#include "control/config/running.h"
#include "control/config/settings.h"

namespace control::config {
namespace {

constexpr std::string_view kGood = R"(
[[port]]
device = "af_xdp:eth0"
[[listen]]
address = "192.0.2.1:5060"
[[group]]
name = "g"
[[group.destination]]
uri = "sip:192.0.2.9"
)";

std::string first_error(const std::string& text) {
  auto result = parse(text, "f.toml");
  auto* errors = std::get_if<Errors>(&result);
  return errors == nullptr ? "" : errors->lines.front();
}

TEST(Config, MinimalFileAndItsDefaults) {
  auto result = parse(kGood, "f.toml");
  ASSERT_TRUE(std::holds_alternative<Settings>(result));
  const Settings& settings = std::get<Settings>(result);
  EXPECT_EQ(settings.workers, 1u);
  EXPECT_EQ(settings.groups[0].destinations[0].endpoint.port, 5060);
  EXPECT_EQ(settings.timers.t1_ms, 500u);
}

TEST(Config, ReferenceFileHasEveryKeyAndIsGood) {
  auto result = load(std::string(TANDEM_SOURCE) + "/conf/tandem.toml");
  if (auto* errors = std::get_if<Errors>(&result)) FAIL() << errors->lines.front();
}

// conf/README.md has a table of every key; this finds one that is missing there.
TEST(Config, TableOfKeysIsComplete) {
  auto read = [](const char* name) {
    std::ifstream file(std::string(TANDEM_SOURCE) + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  std::string table = read("/conf/README.md"), keys = read("/conf/tandem.toml");
  std::istringstream lines(keys);
  size_t found = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ")) line.erase(0, 2);
    std::string key = line.substr(0, line.find(" = "));
    if (key == line || key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != key.npos) {
      continue;
    }
    ++found;
    EXPECT_NE(table.find("| `" + key + "` |"), table.npos) << key;
  }
  EXPECT_GT(found, 60u);
}

TEST(Config, EachErrorSaysWhereAndWhatWouldBeRight) {
  std::string good(kGood);
  EXPECT_EQ(first_error(good + "[timers]\nt1_ms = \"soon\"\n"),
            "f.toml:11:9: t1_ms is a whole number from 10 to 10000");
  EXPECT_EQ(first_error(good + "[timers]\nt1 = 5\n").substr(0, 45),
            "f.toml:11:1: [timers] has no key \"t1\"; it has");
  EXPECT_EQ(first_error("[node]\nidle = \"fast\"\n" + good),
            "f.toml:2:8: idle is one of \"auto\", \"spin\", \"pause\", \"sleep\"");
  EXPECT_EQ(first_error(good + "[[group]]\nname = \"g\"\n"),
            "f.toml:10:1: this group name is used twice");
  EXPECT_TRUE(first_error("[node\n").starts_with("f.toml:1:6: "));
  EXPECT_TRUE(first_error("").find("no [[port]]") != std::string::npos);
  // A rule's own destination is not where everything else goes.
  std::string no_group(good.substr(0, good.find("[[group]]")));
  EXPECT_NE(first_error(no_group + "[[rule]]\nsend_to = \"sip:192.0.2.7\"\n").find("no [[group]]"),
            std::string::npos);
}

TEST(Config, BadValuesOfEveryKindAreRefused) {
  for (const char* more :
       {"[[listen]]\naddress = \"0.0.0.0:5060\"\n",
        "[[listen]]\naddress = \"192.0.2.1:99999\"\n",
        "[[listen]]\naddress = \"192.0.2.2\"\nport = \"af_xdp:other\"\n",
        "[[listen]]\naddress = \"192.0.2.1:5060\"\n",
        "[[port]]\ndevice = \"eth0\"\n",
        "[[group.destination]]\nuri = \"sip:example..com\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.256\"\n",
        "[node]\nname_servers = [\"dns.example.com\"]\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.9:5060\"\n",
        "[[group.destination]]\nuri = \"sip:255.255.255.255\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.1:5060\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.8\"\nweight = -1\n",
        "[limits]\npackets = 1\n",
        "[management]\nsocket = \"relative\"\n",
        "[node]\ncpus = [1, 2]\n",
        "node = 3\n",
        "[timers]\ntimer_c_ms = 1000\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.8;transport=tcp\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.8\"\nlisten = \"192.0.2.7\"\n",
        "[[group.destination]]\nuri = \"sip:[2001:db8::8]\"\nlisten = \"192.0.2.1\"\n",
        "[[group]]\nname = \"h\"\nfallback = \"nobody\"\n",
        "[[group]]\nname = \"h\"\nfallback = \"h\"\n",
        "[[group]]\nname = \"h\"\nfallback = \"i\"\n[[group]]\nname = \"i\"\nfallback = \"h\"\n",
        "[[group]]\nname = \"h\"\nfailover_codes = [603]\n",
        "[[group]]\nname = \"h\"\nfailover_codes = [\"503\"]\n",
        "[[group]]\nname = \"h\"\nbreaker_codes = 503\n",
        "[[group]]\nname = \"h\"\nbounded_load_percent = 90\n",
        "[[group]]\nname = \"h\"\nhash_of = \"header:\"\n",
        "[protect]\nrequests_per_s = -1\n",
        "[protect]\ndenied = [\"192.0.2.0/40\"]\n",
        "[protect]\ntrusted = \"192.0.2.0/24\"\n",
        "[protect]\nscanners = [\"a\"]\n",
        "[protect]\ndenied_file = \"/nonexistent/denied\"\n",
        "[group.probe]\ninterval_ms = 50\n",
        "[group.probe]\nfrom = \"tel:123\"\n",
        "[group.probe]\ncodes = [200]\n",
        "[group.probe]\nintervall_ms = 500\n",
        "[[group]]\nname = \"h\"\nbreaker_open_ms = 5000\nbreaker_most_open_ms = 4000\n",
        "[limits]\ndestinations = 15\n",
        "[timers]\nlongest_call_s = 1\n",
        "[[listen]]\naddress = \"192.0.2.2\"\ngroup = \"nobody\"\n",
        "[[rule]]\nuser_regex = \"(\"\n",
        "[[rule]]\nuser_regex = \"^a|b\"\n",
        "[[rule]]\nuser_prefix = \"\"\n",
        "[[rule]]\nuser = 5\n",
        "[[rule]]\nuser = \"a\\u0001b\"\n",
        "[[rule]]\nusr = \"a\"\n",
        "[[rule]]\nsource = \"192.0.2.0/33\"\n",
        "[[rule]]\nsource_port = \"5060\"\n",
        "[[rule]]\nsource_port = 70000\n",
        "[[rule]]\nlisten = \"192.0.2.99\"\n",
        "[[rule]]\nmethod = \"IN VITE\"\n",
        "[[rule]]\ntime = \"someday\"\n",
        "[[rule]]\ntime = \"mon 25:00-26:00\"\n",
        "[[rule]]\nstatus = 486\n",
        "[[rule]]\non = \"failure\"\nstatus = \"7xx\"\n",
        "[[rule]]\nheader = \"X\"\n",
        "[[rule]]\nset_user = \"a b\"\n",
        "[[rule]]\nset_user = \"a@b\"\n",
        "[[rule]]\nset_host = \"a;b\"\n",
        "[[rule]]\nprefix = \"<\"\n",
        "[[rule]]\nadd_header = \"X-No-Colon\"\n",
        "[[rule]]\nadd_header = \"X: a\\r\\nVia: b\"\n",
        "[[rule]]\nadd_header = \"X: ${nothing}\"\n",
        "[[rule]]\nadd_header = \"X: ${user\"\n",
        "[[rule]]\nremove_header = \"v\"\n",
        "[[rule]]\nreplace_header = \"call-id: 1\"\n",
        "[[rule]]\nreject = 200\n",
        "[[rule]]\nreject = 403\ndrop = true\n",
        "[[rule]]\nreject = 403\ncapacity = 5\n",
        "[[rule]]\nreject = 403\nreason = \"a\\r\\nb\"\n",
        "[[rule]]\ngroup = \"nobody\"\n",
        "[[rule]]\nsend_to = \"sip:255.255.255.255\"\n",
        "[[rule]]\non = \"response\"\ngroup = \"g\"\n",
        "[[rule]]\non = \"response\"\nstrip = 1\n",
        "[[rule]]\non = \"failure\"\ncalls_per_s = 1\n",
        "[[rule]]\nname = \"a\"\n[[rule]]\nname = \"a\"\n"}) {
    EXPECT_NE(first_error(std::string(kGood) + more), "") << more;
  }
}

TEST(Config, RulesSayWhatIsLookedFor) {
  auto result = parse(std::string(kGood) +
                          "[[rule]]\nsource = [\"192.0.2.0/22\", \"192.0.2.9\"]\nuser = \"a\"\n"
                          "user_prefix = [\"b\"]\nheader = { s = \"x\" }\nsend_to = "
                          "\"sip:192.0.2.77\"\n[[rule]]\nsend_to = \"sip:192.0.2.77\"\n",
                      "f.toml");
  if (auto* errors = std::get_if<Errors>(&result)) FAIL() << errors->lines.front();
  const Settings& settings = std::get<Settings>(result);
  ASSERT_EQ(settings.rules.size(), 2u);
  EXPECT_EQ(settings.groups.back().name, "sip:192.0.2.77");
  EXPECT_EQ(settings.groups.size(), 2u);
  const auto& conditions = settings.rules[0].rule.conditions;
  ASSERT_EQ(conditions.size(), 3u);
  EXPECT_EQ(conditions[0].any.size(), 2u);
  EXPECT_EQ(word_of(conditions[1].field), "header subject");
  EXPECT_EQ(conditions[2].any.size(), 5u);
}

// The addresses of a network are those whose digits begin with one of its prefixes.
TEST(RuleWords, PrefixesOfANetworkHoldItsAddressesAndNoOthers) {
  for (uint8_t bits = 0; bits <= 32; ++bits) {
    auto network = link::network_of(*sipcore::parse_ip("198.18.77.201"), bits);
    auto prefixes = source_prefixes(network);
    for (unsigned flip = 0; flip < 32; ++flip) {
      auto ip = *sipcore::parse_ip("198.18.77.201");
      ip.bytes[flip / 8] = static_cast<uint8_t>(ip.bytes[flip / 8] ^ 0x80U >> flip % 8);
      char text[40];
      sipcore::Writer out(text);
      sipcore::write_source(ip, out);
      bool within = std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
        return out.text().starts_with(prefix);
      });
      EXPECT_EQ(within, link::network_of(ip, bits) == network) << int{bits} << " " << flip;
    }
  }
}

TEST(RuleWords, TimesOfTheWeek) {
  auto span = parse_time_span("fri-mon 08:30-24:00");
  ASSERT_TRUE(span);
  EXPECT_EQ(span->days, 0x71);
  EXPECT_EQ(span->from, 510);
  EXPECT_EQ(span->to, 1440);
  EXPECT_TRUE(parse_time_span("sun"));
  EXPECT_TRUE(parse_time_span("22:00-06:00"));
  for (const char* bad :
       {"", "mo", "mon-", "08:00", "08:00-", "8:00-9:00", "24:00-25:00", "mon x"}) {
    EXPECT_FALSE(parse_time_span(bad)) << bad;
  }
}

TEST(Config, ReloadMayNotChangeWhatIsAllocatedAtStart) {
  Settings running = std::get<Settings>(parse(kGood, "f"));
  Settings wanted = running;
  wanted.groups[0].destinations.clear();
  wanted.timers.t1_ms = 100;
  EXPECT_EQ(needs_restart(running, wanted), "");
  wanted.listens[0].address.port = 5080;
  EXPECT_NE(needs_restart(running, wanted), "");
  wanted = running;
  wanted.idle = Idle::kSpin;
  EXPECT_NE(needs_restart(running, wanted), "");
  wanted = running;
  wanted.workers = 2;
  EXPECT_NE(needs_restart(running, wanted), "");
}

class SlotsTest : public testing::Test {
 protected:
  uint16_t slot(const Settings& wanted) {
    auto next = build(wanted, edits, {}, slots, running.get(), members);
    EXPECT_NE(next, nullptr);
    running = std::move(next);
    return running->groups[0].destinations[0].slot;
  }
  Settings settings = std::get<Settings>(parse(kGood, "f"));
  link::Destinations states{4};
  Slots slots{states};
  std::unique_ptr<link::RunningConfig> running;
  std::vector<resolve::Member> found;
  Edits edits;
  Members members = [this](const resolve::HostName&) -> const std::vector<resolve::Member>& {
    return found;
  };
};

TEST_F(SlotsTest, ADestinationKeepsItsSlotOverAReload) {
  uint16_t first = slot(settings);
  states.at(first).begun = 5;
  EXPECT_EQ(slot(settings), first);
  EXPECT_EQ(states.at(first).begun, 5u);
}

TEST_F(SlotsTest, WhatTheOperatorSaidStaysUntilTheFileSaysSomethingElse) {
  uint16_t at = slot(settings);
  states.at(at).admin = link::Admin::kDraining;
  slot(settings);
  EXPECT_EQ(states.at(at).admin, link::Admin::kDraining);
  settings.groups[0].destinations[0].enabled = false;
  slot(settings);
  EXPECT_EQ(states.at(at).admin, link::Admin::kDisabled);
  settings.groups[0].destinations[0].enabled = true;
  slot(settings);
  EXPECT_EQ(states.at(at).admin, link::Admin::kEnabled);
}

// Calls of a destination that was removed are counted to their end, and found again should it come
// back; nobody else gets its slot meanwhile.
TEST_F(SlotsTest, ARemovedDestinationKeepsItsSlotWhileItHasCalls) {
  uint16_t old = slot(settings);
  states.at(old).calls = 1;
  Settings other = settings;
  other.groups[0].destinations[0].uri = "sip:192.0.2.8";
  EXPECT_NE(slot(other), old);
  EXPECT_EQ(slot(settings), old);
  EXPECT_EQ(states.at(old).calls, 1u);
}

TEST_F(SlotsTest, ASlotWithoutCallsIsUsedAgainFromTheBeginning) {
  Settings other = settings;
  for (int i = 0; i < 20; ++i) {
    other.groups[0].destinations[0].uri = "sip:192.0.2.8;n=" + std::to_string(i);
    uint16_t at = slot(other);
    EXPECT_EQ(states.at(at).begun, 0u);
    EXPECT_EQ(states.at(at).admin, link::Admin::kEnabled);
    states.at(at).begun = 7;
    states.at(at).admin = link::Admin::kDisabled;
  }
}

TEST_F(SlotsTest, NoSlotLeftIsToldAndNothingIsLost) {
  for (int i = 0; i < 4; ++i) {
    settings.groups[0].destinations[0].uri = "sip:192.0.2.8;n=" + std::to_string(i);
    states.at(slot(settings)).calls = 1;
  }
  settings.groups[0].destinations[0].uri = "sip:192.0.2.7";
  EXPECT_EQ(build(settings, edits, {}, slots, running.get(), members), nullptr);
  EXPECT_EQ(running->groups[0].destinations[0].uri, "sip:192.0.2.8;n=3");
}

class NameTest : public SlotsTest {
 protected:
  void SetUp() override { settings.groups[0].destinations[0] = named("sip:sbc.example.com"); }
  static DestinationSettings named(const char* uri) {
    DestinationSettings out;
    out.uri = uri;
    EXPECT_EQ(read_destination_uri(out), "");
    return out;
  }
  static sipcore::Endpoint endpoint(const char* text) {
    return *sipcore::parse_endpoint(text, 5060);
  }
  const std::vector<link::Destination>& all() { return running->groups[0].destinations; }
};

// Each address of a name is a destination of its own, with its own state; what is ourselves is left
// out.
TEST_F(NameTest, IsAsManyDestinationsAsItHasAddresses) {
  found = {{0, 1, endpoint("192.0.2.30")},
           {0, 1, endpoint("192.0.2.31")},
           {0, 1, endpoint("192.0.2.1:5060")}};
  slot(settings);
  ASSERT_EQ(all().size(), 2u);
  uint16_t second = all()[1].slot;
  states.at(second).calls = 4;
  found.erase(found.begin());
  slot(settings);
  EXPECT_EQ(all()[0].slot, second);
  EXPECT_EQ(states.at(second).calls, 4u);
}

TEST_F(NameTest, HashSpreadsOverItsAddresses) {
  found = {{0, 1, endpoint("192.0.2.30")},
           {0, 1, endpoint("192.0.2.31")},
           {0, 1, endpoint("192.0.2.32")}};
  slot(settings);
  std::vector<int> got(3, 0);
  for (uint64_t key = 0; key < 3000; ++key) {
    ++got[running->groups[0].tiers[0].table->select(key * 21, [](uint16_t) { return true; })];
  }
  for (int one : got) EXPECT_NEAR(one, 1000, 120);
}

// RFC 2782: priorities and weights mean something within one name alone.
TEST_F(NameTest, SrvCountsWithinTheName) {
  DestinationSettings literal = named("sip:192.0.2.9");
  settings.groups[0].destinations.push_back(literal);
  found = {{10, 60, endpoint("192.0.2.30")},
           {10, 40, endpoint("192.0.2.31")},
           {20, 7, endpoint("192.0.2.32")}};
  slot(settings);
  ASSERT_EQ(running->groups[0].tiers.size(), 2u);
  ASSERT_EQ(running->groups[0].tiers[0].count, 3u)
      << "the literal one beside the first of the name";
  std::map<std::string, uint32_t> weights;
  for (const auto& one : all()) weights[sipcore::to_string(one.endpoint)] = one.weight;
  EXPECT_EQ(weights["192.0.2.30:5060"], 120u);
  EXPECT_EQ(weights["192.0.2.31:5060"], 80u);
  EXPECT_EQ(weights["192.0.2.9:5060"], 100u);
}

TEST_F(NameTest, HugeWeightsDoNotOverflow) {
  settings.groups[0].destinations[0].weight = 1000000;
  found = {{10, 65535, endpoint("192.0.2.30")}, {10, 1, endpoint("192.0.2.31")}};
  slot(settings);
  EXPECT_GT(all()[0].weight, 100000000u);
  EXPECT_GE(all()[1].weight, 1u);
}

TEST_F(NameTest, AddressesOfAnotherFamilyThanItsListenAreLeftOut) {
  settings.groups[0].destinations[0].listen = 0;
  found = {{0, 1, endpoint("192.0.2.30")}, {0, 1, endpoint("[2001:db8::30]")}};
  slot(settings);
  ASSERT_EQ(all().size(), 1u);
  EXPECT_EQ(all()[0].endpoint, endpoint("192.0.2.30"));
}

// What the operator said of a name holds for addresses that come later.
TEST_F(NameTest, WhatWasSaidOfItHoldsForNewAddresses) {
  edits.set_admin({"g", "sip:sbc.example.com"}, link::Admin::kDisabled);
  found = {{0, 1, endpoint("192.0.2.30")}};
  EXPECT_EQ(states.at(slot(settings)).admin, link::Admin::kDisabled);
  found.push_back({0, 1, endpoint("192.0.2.31")});
  slot(settings);
  EXPECT_EQ(states.at(all()[1].slot).admin, link::Admin::kDisabled);
}

// Building a table for consistent hashing takes 65,536 draws for each destination.
TEST_F(SlotsTest, TablesThatHaveNotChangedAreKept) {
  slot(settings);
  auto table = running->groups[0].tiers[0].table;
  slot(settings);
  EXPECT_EQ(running->groups[0].tiers[0].table, table);
  settings.groups[0].destinations[0].weight = 2;
  slot(settings);
  EXPECT_NE(running->groups[0].tiers[0].table, table);
}

}  // namespace
}  // namespace control::config
