// Kamailio's list of destinations as groups.
#include "control/config/dispatcher_list.h"

#include <gtest/gtest.h>

#include <variant>

#include "control/config/settings.h"

namespace control::config {
namespace {

constexpr std::string_view kRest = R"(
[[port]]
device = "af_xdp:eth0"
[[listen]]
address = "192.0.2.1:5060"
)";

Settings settings_of(const std::string& toml) {
  auto parsed = parse(std::string(kRest) + toml, "imported.toml");
  if (auto* errors = std::get_if<Errors>(&parsed)) {
    ADD_FAILURE() << errors->lines.front() << "\n" << toml;
    return {};
  }
  return std::get<Settings>(parsed);
}

TEST(DispatcherList, BecomesGroupsThatTheFileMayHave) {
  Imported imported = import_dispatcher_list(
      "# gateways\n"
      "1 sip:192.0.2.21:5060 8 0 weight=50;maxload=20;duid=a\n"
      "1\tsip:192.0.2.22 4\n"
      "\n"
      "20 sip:sbc.example.com 0 0 \"socket=udp:192.0.2.1:5060;weight=3\"\r\n",
      "dispatcher.list", 9);
  ASSERT_TRUE(imported.faults.empty()) << imported.faults.front();
  EXPECT_TRUE(imported.remarks.empty());
  Settings settings = settings_of(imported.toml);
  ASSERT_EQ(settings.groups.size(), 2u);
  const GroupSettings &first = settings.groups[0], &second = settings.groups[1];
  EXPECT_EQ(first.name, "1");
  EXPECT_EQ(first.policy.algorithm, link::Algorithm::kRandom);
  EXPECT_EQ(first.policy.probe.interval_ms, 10000u);
  EXPECT_EQ(first.destinations[0].weight, 50u);
  EXPECT_EQ(first.destinations[0].capacity, 20u);
  EXPECT_EQ(first.destinations[0].attributes, "duid=a");
  EXPECT_TRUE(first.destinations[0].enabled);
  EXPECT_FALSE(first.destinations[1].enabled);
  EXPECT_EQ(second.name, "20");
  EXPECT_EQ(second.destinations[0].weight, 3u);
  EXPECT_EQ(second.destinations[0].listen, settings.listens[0].address);
}

// A weight that the algorithm did not look at is none here either.
TEST(DispatcherList, WeightsCountWhereTheyDidBefore) {
  Imported imported = import_dispatcher_list("1 sip:192.0.2.21 0 0 weight=0;rweight=7\n", "l", 4);
  EXPECT_EQ(settings_of(imported.toml).groups[0].destinations[0].weight, 1u);
  EXPECT_EQ(imported.remarks.size(), 2u);
  imported = import_dispatcher_list("1 sip:192.0.2.21 0 0 weight=0;rweight=7\n", "l", 11);
  EXPECT_EQ(settings_of(imported.toml).groups[0].destinations[0].weight, 7u);
}

// With an algorithm that does not go by them, priorities would leave all but the first idle.
TEST(DispatcherList, PrioritiesCountWhereTheyDidBefore) {
  const char* list = "1 sip:192.0.2.21 0 10\n1 sip:192.0.2.22 0 5\n";
  Imported serial = import_dispatcher_list(list, "l", 8);
  EXPECT_EQ(settings_of(serial.toml).groups[0].destinations[0].priority, 1u);
  EXPECT_EQ(settings_of(serial.toml).groups[0].destinations[1].priority, 0u);
  EXPECT_TRUE(serial.remarks.empty());
  // Of the same priority the first of the list is the one.
  const char* alike = "1 sip:192.0.2.21\n1 sip:192.0.2.22 0 5\n1 sip:192.0.2.23\n";
  std::vector<uint32_t> priorities;
  Settings in_order = settings_of(import_dispatcher_list(alike, "l", 8).toml);
  for (auto& one : in_order.groups[0].destinations) priorities.push_back(one.priority);
  EXPECT_EQ(priorities, (std::vector<uint32_t>{1, 2, 0}));
  Imported hash = import_dispatcher_list(list, "l", 0);
  EXPECT_EQ(settings_of(hash.toml).groups[0].destinations[0].priority, 0u);
  ASSERT_EQ(hash.remarks.size(), 1u);
  EXPECT_TRUE(hash.remarks[0].starts_with("l: set 1: priorities are left out"));
}

TEST(DispatcherList, EachFlagIsTakenOverOrSpokenOf) {
  Imported imported = import_dispatcher_list(
      "1 sip:192.0.2.21 1\n1 sip:192.0.2.22 34\n1 sip:192.0.2.23 16\n", "l", 4);
  EXPECT_FALSE(settings_of(imported.toml).groups[0].destinations[0].enabled);
  EXPECT_TRUE(settings_of(imported.toml).groups[0].destinations[1].enabled);
  ASSERT_EQ(imported.remarks.size(), 4u);
  EXPECT_TRUE(imported.remarks[0].starts_with("l:1: flag 1: "));
  EXPECT_TRUE(imported.remarks[3].starts_with("l:3: flag 16: "));
}

TEST(DispatcherList, WhatCannotBeImportedIsSaid) {
  Imported imported = import_dispatcher_list(
      "x sip:192.0.2.21\n1 sip:192.0.2.21;transport=tls\n1 sip:192.0.2.22 many\n"
      "1 sip:192.0.2.23 0 0 weight=x\n1 sip:192.0.2.24 0 0 a=b c\n1\n"
      "1 sip:192.0.2.25\n1 sip:192.0.2.25\n",
      "l", 0);
  EXPECT_TRUE(imported.toml.empty());
  ASSERT_EQ(imported.faults.size(), 7u);
  for (size_t line : {1, 2, 3, 4, 5, 6}) {
    EXPECT_TRUE(imported.faults[line - 1].starts_with("l:" + std::to_string(line) + ": "))
        << imported.faults[line - 1];
  }
  EXPECT_FALSE(import_dispatcher_list("", "l", 7).faults.empty());
}

}  // namespace
}  // namespace control::config
