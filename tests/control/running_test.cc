// Settings as they are published: slots that outlive reloads, names with their addresses.
#include "control/config/running.h"

#include "control/config/destination.h"
#include "tests/control/config_fixture.h"

namespace control::config {
namespace {

class SlotsTest : public testing::Test {
 protected:
  uint16_t slot(const Settings& wanted) {
    auto next = build(wanted, edits, {}, slots, running.get(), members);
    EXPECT_NE(next, nullptr);
    running = std::move(next);
    return running->groups[0].destinations[0].slot;
  }
  Settings settings = good_settings();
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

// One that was away has another slot now; that its first one is somebody else's means nothing.
TEST_F(SlotsTest, ADestinationIsFoundWhereItIsNow) {
  Settings away = settings;
  away.groups[0].destinations[0].uri = "sip:192.0.2.7";
  slot(settings);
  slot(away);
  slot(away);
  uint16_t now = slot(settings);
  for (int i = 0; i < 4; ++i) {
    Settings both = settings;
    both.groups[0].destinations.push_back(away.groups[0].destinations[0]);
    both.groups[0].destinations[1].uri = "sip:192.0.2.8;n=" + std::to_string(i);
    EXPECT_EQ(slot(both), now);
  }
}

TEST_F(SlotsTest, NoSlotLeftIsToldAndNothingIsLost) {
  for (int i = 0; i < 4; ++i) {
    settings.groups[0].destinations[0].uri = "sip:192.0.2.8;n=" + std::to_string(i);
    states.at(slot(settings)).calls = 1;
  }
  settings.groups[0].destinations[0].uri = "sip:192.0.2.7";
  EXPECT_EQ(build(settings, edits, {}, slots, running.get(), members), nullptr);
  EXPECT_EQ(running->groups[0].destinations[0].name.uri, "sip:192.0.2.8;n=3");
}

// kamailio#4330: one URI, sent to from two addresses, is two destinations.
TEST_F(SlotsTest, EachListenMakesADestinationOfItsOwn) {
  settings.listens.push_back({*sipcore::parse_endpoint("192.0.2.2", 5060), 0, ""});
  auto& all = settings.groups[0].destinations;
  all.push_back(all[0]);
  all[0].listen = settings.listens[0].address;
  all[1].listen = settings.listens[1].address;
  slot(settings);
  const auto& two = running->groups[0].destinations;
  EXPECT_NE(two[0].slot, two[1].slot);
  EXPECT_EQ(two[0].listen, 0u);
  EXPECT_EQ(two[1].listen, 1u);
  EXPECT_EQ(to_string(two[1].name), "sip:192.0.2.9 from 192.0.2.2:5060");
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
  settings.groups[0].destinations[0].listen = settings.listens[0].address;
  found = {{0, 1, endpoint("192.0.2.30")}, {0, 1, endpoint("[2001:db8::30]")}};
  slot(settings);
  ASSERT_EQ(all().size(), 1u);
  EXPECT_EQ(all()[0].endpoint, endpoint("192.0.2.30"));
}

// What the operator said of a name holds for addresses that come later.
TEST_F(NameTest, WhatWasSaidOfItHoldsForNewAddresses) {
  edits.set_admin({"g", "sip:sbc.example.com", {}, {}}, link::Admin::kDisabled);
  found = {{0, 1, endpoint("192.0.2.30")}};
  EXPECT_EQ(states.at(slot(settings)).admin, link::Admin::kDisabled);
  found.push_back({0, 1, endpoint("192.0.2.31")});
  slot(settings);
  EXPECT_EQ(states.at(all()[1].slot).admin, link::Admin::kDisabled);
}

// What is said of one address goes before what is said of the name, and ends with it.
TEST_F(NameTest, OneAddressIsTakenOutAlone) {
  found = {{0, 1, endpoint("192.0.2.30")}, {0, 1, endpoint("192.0.2.31")}};
  edits.set_admin({"g", "sip:sbc.example.com", {}, endpoint("192.0.2.31")}, link::Admin::kDraining);
  slot(settings);
  EXPECT_EQ(states.at(all()[0].slot).admin, link::Admin::kEnabled);
  EXPECT_EQ(states.at(all()[1].slot).admin, link::Admin::kDraining);
  EXPECT_EQ(edits.said_of(all()[1].name), link::Admin::kDraining);
  edits.forget_admin({"g", "sip:sbc.example.com", {}, {}});
  EXPECT_TRUE(edits.admin().empty());
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
