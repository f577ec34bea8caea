// Groups and destinations by management: what users of Kamailio call, and our own.
#include "tests/control/dispatcher_fixture.h"

namespace control::manage {
namespace {

TEST_F(DispatcherTest, ListHasTheShapeOfKamailios) {
  Json result = call("dispatcher.list")["result"];
  EXPECT_EQ(result["NRSETS"], 1);
  EXPECT_EQ(result["RECORDS"][0]["SET"]["ID"], 1);
  Json one = destination(0);
  EXPECT_EQ(one["URI"], "sip:192.0.2.21");
  EXPECT_EQ(one["FLAGS"], "AX");
  EXPECT_EQ(one["PRIORITY"], 0);
  for (const char* key :
       {"BODY", "DUID", "MAXLOAD", "WEIGHT", "RWEIGHT", "SOCKET", "SOCKNAME", "OBPROXY"}) {
    EXPECT_TRUE(one["ATTRS"].contains(key)) << key;
  }
}

TEST_F(DispatcherTest, SetStateAsInKamailio) {
  EXPECT_EQ(call("dispatcher.set_state", {"d", 1, "sip:192.0.2.21"})["result"], "set");
  EXPECT_EQ(destination(0)["FLAGS"], "DX");
  EXPECT_EQ(destination(1)["FLAGS"], "AX");
  call("dispatcher.set_state", {"ip", "g", "all"});
  EXPECT_EQ(destination(0)["FLAGS"], "IX");
  EXPECT_EQ(destination(1)["FLAGS"], "IX");
  call("dispatcher.set_state", {"A", 1, "192.0.2.21:5060"});
  EXPECT_EQ(destination(0)["FLAGS"], "AX");
  // Where nobody probes, whoever enables it means it.
  call("dispatcher.enable", Json::array({"sip:192.0.2.22"}));
  EXPECT_EQ(destination(1)["FLAGS"], "AX");
}

TEST_F(DispatcherTest, PingActiveAsInKamailio) {
  EXPECT_EQ(call("dispatcher.ping_active")["result"], Json({{"OldPingState", 1}}));
  Json off = {{"OldPingState", 1}, {"NewPingState", 0}};
  EXPECT_EQ(call("dispatcher.ping_active", Json::array({0}))["result"], off);
  EXPECT_FALSE(node->health.prober().active());
}

// Groups that are named by a number, as imported ones are, are listed and found by it.
TEST_F(DispatcherTest, GroupsOfAnImportedListKeepTheirNumbers) {
  write_config("[[group]]\nname = \"5\"\n[[group.destination]]\nuri = \"sip:192.0.2.25\"\n");
  EXPECT_TRUE(node->live.reload().empty());
  EXPECT_EQ(call("dispatcher.list")["result"]["RECORDS"][1]["SET"]["ID"], 5);
  call("dispatcher.set_state", {"d", 5, "all"});
  EXPECT_EQ(destination(0, 1)["FLAGS"], "DX");
  EXPECT_TRUE(call("dispatcher.set_state", {"d", 2, "all"}).contains("error"));
  // No other group gets a number that is a name.
  write_config("[[group]]\nname = \"1\"\n[[group.destination]]\nuri = \"sip:192.0.2.25\"\n");
  EXPECT_TRUE(node->live.reload().empty());
  Json sets = call("dispatcher.list")["result"]["RECORDS"];
  EXPECT_EQ(sets[0]["SET"]["ID"], 2);
  EXPECT_EQ(sets[1]["SET"]["ID"], 1);
  write_config("[[group]]\nname = \"0\"\n[[group.destination]]\nuri = \"sip:192.0.2.25\"\n");
  EXPECT_TRUE(node->live.reload().empty());
  EXPECT_EQ(call("dispatcher.list")["result"]["RECORDS"][1]["SET"]["ID"], 0);
}

TEST_F(DispatcherTest, BadParametersAreToldAndChangeNothing) {
  for (const auto& [method, params] : std::vector<std::pair<std::string, Json>>{
           {"dispatcher.set_state", Json::array()},
           {"dispatcher.set_state", {"x", 1, "all"}},
           {"dispatcher.set_state", {"d", 2, "all"}},
           {"dispatcher.set_state", {"d", 1, 5}},
           {"dispatcher.set_state", {"d", -1, "all"}},
           {"dispatcher.drain", Json::array({"sip:192.0.2.99"})},
           {"dispatcher.drain", Json::array({"all"})},
           {"dispatcher.drain", Json()},
           {"dispatcher.add", {"g", "sip:192.0.2.21"}},
           {"dispatcher.add", {"g", "sip:192.0.2.21:5060"}},
           {"dispatcher.add", {"g", "sip:192.0.2.1:5060"}},
           {"dispatcher.add", {"g", "sip:exa_mple..com"}},
           {"dispatcher.add", {"g", "nonsense"}},
           {"dispatcher.add", {"nobody", "sip:192.0.2.30"}},
           {"dispatcher.add", {"g", "sip:192.0.2.30", "x"}},
           {"dispatcher.add", {"g", "sip:192.0.2.30", 0, 70000}},
           {"dispatcher.add", {"g", "sip:192.0.2.30", 0, 0, "weight=x"}},
           {"dispatcher.change", {"g", "sip:192.0.2.21", "weight=-1"}},
           {"dispatcher.change", {"g", "sip:192.0.2.99", "weight=1"}},
           {"dispatcher.remove", {"g", "sip:192.0.2.99"}},
           {"dispatcher.remove", Json::array({"g"})},
           {"dispatcher.events", Json::array({-1})},
           {"dispatcher.change", {"g", "sip:192.0.2.21", "wieght=5"}},
           {"dispatcher.discard_edits", {"g", "sip:192.0.2.21"}},
           {"dispatcher.ping_active", Json::array({"nobody"})},
           {"dispatcher.ping_active", Json::array({2})},
           {"dispatcher.probe", Json::array({"nobody"})}}) {
    Json reply = call(method, params);
    EXPECT_TRUE(reply.contains("error")) << method << " " << params.dump();
  }
  EXPECT_EQ(count(), 2u);
  EXPECT_EQ(destination(0)["FLAGS"], "AX");
  EXPECT_FALSE(std::filesystem::exists(folder + "/edits.json"));
}

TEST_F(DispatcherTest, WhatTheOperatorSaidStaysOverRestart) {
  state(0).calls = 3;
  Json reply = call("dispatcher.drain", {"g", "sip:192.0.2.21"});
  EXPECT_EQ(reply["result"]["ACTIVE"], 3);
  EXPECT_EQ(destination(0)["STATE"], "draining");
  restart();
  EXPECT_EQ(destination(0)["STATE"], "disabled") << "its calls are not known any more";
  call("dispatcher.enable", Json::array({"sip:192.0.2.21"}));
  sipcore::Breaker breaker(state(0).breaker);
  EXPECT_LT(breaker.share(breaker.at_ms(), 10000), 256u) << "it does not start slowly";
  restart();
  EXPECT_EQ(destination(0)["STATE"], "active");
}

TEST_F(DispatcherTest, WhatWasSaidGoesWithTheDestination) {
  call("dispatcher.disable", {"g", "sip:192.0.2.21"});
  call("dispatcher.remove", {"g", "sip:192.0.2.21"});
  call("dispatcher.add", {"g", "sip:192.0.2.21"});
  restart();
  EXPECT_EQ(destination(0)["STATE"], "active");
  EXPECT_EQ(destination(1)["STATE"], "active");
}

TEST_F(DispatcherTest, WhatTheFileComesToSayCountsMoreThanWhatWasSaid) {
  call("dispatcher.disable", {"g", "sip:192.0.2.22"});
  write_config("enabled = false\n");
  node->live.reload();
  write_config("enabled = true\n");
  node->live.reload();
  EXPECT_EQ(destination(1)["STATE"], "active");
  restart();
  EXPECT_EQ(destination(1)["STATE"], "active");
}

TEST_F(DispatcherTest, EventsSinceTheLastOnes) {
  call("dispatcher.disable", Json::array({"sip:192.0.2.21"}));
  node->health.tick(6000000);
  Json result = call("dispatcher.events")["result"];
  ASSERT_EQ(result["events"].size(), 1u);
  EXPECT_EQ(result["events"][0]["to"], "disabled");
  EXPECT_EQ(call("dispatcher.events", Json::array({result["newest"]}))["result"]["events"].size(),
            0u);
}

}  // namespace
}  // namespace control::manage
