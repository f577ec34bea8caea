// Bans: learned and by order, their end, and that they stay over a restart.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "control/manage/ban_methods.h"
#include "control/protect/guard.h"

namespace control::protect {
namespace {

using link::parse_network;

class GuardTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tandem-guard-XXXXXX";
    folder = mkdtemp(name);
    settings.ban_s = 100;
    settings.denied = {*parse_network("203.0.113.0/24")};
    auto config = std::make_unique<link::RunningConfig>();
    std::vector trusted = {*parse_network("192.0.2.0/24")};
    config->protect.trusted = std::make_shared<const link::Networks>(trusted, config->keys.token);
    exchange.config.publish(std::move(config));
    restart();
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  void restart() {
    guard = std::make_unique<Guard>(exchange, folder);
    ASSERT_EQ(guard->start({}, now_s), "");
    guard->configure(settings);
  }
  void found_out(const char* ip) {
    guard->found_out({.what = link::ToControl::What::kBan, .address = *sipcore::parse_ip(ip)},
                     now_s);
    guard->tick(now_s);
  }
  bool denied(const char* ip) {
    auto address = *sipcore::parse_ip(ip);
    return exchange.denied.read()->contains(address) || exchange.banned.read()->contains(address);
  }

  std::string folder;
  config::Settings settings;
  link::Exchange exchange{1};
  std::unique_ptr<Guard> guard;
  uint64_t now_s = 5000;
};

TEST_F(GuardTest, LearnedBanEndsAndTheFileStays) {
  EXPECT_TRUE(denied("203.0.113.9"));
  EXPECT_FALSE(denied("198.18.0.66"));
  found_out("198.18.0.66");
  EXPECT_TRUE(denied("198.18.0.66"));
  now_s += 99;
  guard->tick(now_s);
  EXPECT_TRUE(denied("198.18.0.66"));
  now_s += 1;
  guard->tick(now_s);
  EXPECT_FALSE(denied("198.18.0.66"));
  EXPECT_TRUE(denied("203.0.113.9"));
}

TEST_F(GuardTest, TrustedOnesAreNeverBannedByAWorker) {
  found_out("192.0.2.5");
  EXPECT_FALSE(denied("192.0.2.5"));
}

TEST_F(GuardTest, SiteOfIpv6IsBannedAsAWhole) {
  found_out("2001:db8:1:2::66");
  EXPECT_TRUE(denied("2001:db8:1:2:ffff::1"));
  EXPECT_FALSE(denied("2001:db8:1:3::1"));
}

TEST_F(GuardTest, StayOverARestartWithTheirEnd) {
  found_out("198.18.0.66");
  found_out("2001:db8:1:2::66");
  ASSERT_EQ(guard->ban(*parse_network("198.18.1.0/24"), 0, now_s), "");
  now_s = 7;  // the clock of another boot
  restart();
  EXPECT_TRUE(denied("198.18.0.66"));
  EXPECT_TRUE(denied("198.18.1.200"));
  EXPECT_TRUE(denied("2001:db8:1:2::67"));
  now_s += 101;
  guard->tick(now_s);
  EXPECT_FALSE(denied("198.18.0.66"));
  EXPECT_TRUE(denied("198.18.1.200"));
  EXPECT_EQ(guard->unban(*parse_network("198.18.1.0/24"), now_s), "");
  EXPECT_NE(guard->unban(*parse_network("198.18.1.0/24"), now_s), "");
  restart();
  EXPECT_FALSE(denied("198.18.1.200"));
}

TEST_F(GuardTest, BrokenFileStopsTheStartWithItsLine) {
  for (const char* text : {"nonsense\n", "198.18.0.66\n", "198.18.0.66 soon rate\n"}) {
    std::ofstream(folder + "/bans") << "198.18.0.1 0 management\n" << text;
    Guard other(exchange, folder);
    EXPECT_TRUE(other.start({}, now_s).starts_with(folder + "/bans:2: ")) << text;
  }
}

TEST_F(GuardTest, Methods) {
  manage::Rpc rpc;
  manage::add_ban_methods(rpc, *guard, [this] { return now_s * 1000000; });
  auto call = [&](const std::string& method, const manage::Json& params) {
    manage::Json request = {{"method", method}, {"params", params}, {"id", 1}};
    return manage::Json::parse(rpc.handle(request.dump()));
  };
  EXPECT_EQ(call("bans.add", manage::Json::array({"198.18.3.0/24", 60}))["result"], "banned");
  EXPECT_TRUE(denied("198.18.3.3"));
  auto list = call("bans.list", manage::Json::array())["result"];
  EXPECT_EQ(list["count"], 1);
  EXPECT_EQ(list["bans"][0]["network"], "198.18.3.0/24");
  EXPECT_EQ(list["bans"][0]["seconds"], 60);
  EXPECT_EQ(call("bans.remove", manage::Json::array({"198.18.3.0/24"}))["result"], "free");
  EXPECT_FALSE(denied("198.18.3.3"));
  for (const auto& params : {manage::Json::array(), manage::Json::array({"x"}),
                             manage::Json::array({5}), manage::Json::array({"198.18.0.1", -1})}) {
    EXPECT_TRUE(call("bans.add", params).contains("error")) << params.dump();
  }
  EXPECT_EQ(call("bans.remove", manage::Json::array({"198.18.9.9"}))["error"]["code"], 404);
}

}  // namespace
}  // namespace control::protect
