#include <gtest/gtest.h>

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

TEST(Config, EachErrorSaysWhereAndWhatWouldBeRight) {
  std::string good(kGood);
  EXPECT_EQ(first_error(good + "[timers]\nt1_ms = \"soon\"\n"),
            "f.toml:11:9: t1_ms is a whole number from 10 to 10000");
  EXPECT_EQ(first_error(good + "[timers]\nt1 = 5\n").substr(0, 45),
            "f.toml:11:1: [timers] has no key \"t1\"; it has");
  EXPECT_EQ(first_error("[node]\nidle = \"fast\"\n" + good),
            "f.toml:2:8: idle is one of \"spin\", \"pause\", \"sleep\"");
  EXPECT_EQ(first_error(good + "[[group]]\nname = \"g\"\n"),
            "f.toml:10:1: this group name is used twice");
  EXPECT_TRUE(first_error("[node\n").starts_with("f.toml:1:6: "));
  EXPECT_TRUE(first_error("").find("no [[port]]") != std::string::npos);
}

TEST(Config, BadValuesOfEveryKindAreRefused) {
  for (const char* more :
       {"[[listen]]\naddress = \"0.0.0.0:5060\"\n", "[[listen]]\naddress = \"192.0.2.1:99999\"\n",
        "[[listen]]\naddress = \"192.0.2.2\"\nport = \"af_xdp:other\"\n",
        "[[listen]]\naddress = \"192.0.2.1:5060\"\n", "[[port]]\ndevice = \"eth0\"\n",
        "[[group.destination]]\nuri = \"sip:example.com\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.9:5060\"\n",
        "[[group.destination]]\nuri = \"sip:255.255.255.255\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.1:5060\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.8\"\nweight = -1\n", "[limits]\npackets = 1\n",
        "[management]\nsocket = \"relative\"\n", "[node]\ncpus = [1, 2]\n", "node = 3\n",
        "[timers]\ntimer_c_ms = 1000\n"}) {
    EXPECT_NE(first_error(std::string(kGood) + more), "") << more;
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

TEST(Config, TotalsOfADestinationLiveOnOverAReload) {
  Settings settings = std::get<Settings>(parse(kGood, "f"));
  Totals totals;
  auto first = build(settings, {}, totals);
  first->groups[0].destinations[0].totals->calls = 5;
  auto second = build(settings, {}, totals);
  EXPECT_EQ(second->groups[0].destinations[0].totals->calls, 5u);
}

}  // namespace
}  // namespace control::config
