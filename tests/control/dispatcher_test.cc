// Groups and destinations by management: what users of Kamailio call, and our own; all of it over a
// configuration file and a state directory that are real.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "control/config/live.h"
#include "control/health/health.h"
#include "control/manage/dispatcher.h"

namespace control::manage {
namespace {

using link::Admin;

class DispatcherTest : public testing::Test {
 protected:
  // A node as control makes it, with one worker that is always quiet.
  struct Control {
    explicit Control(const std::string& path)
        : exchange(1, 16),
          live(path, std::get<config::Settings>(config::load(path)), exchange),
          health(exchange, 1),
          dispatcher(live, health, exchange, [] { return uint64_t{5000000}; }) {
      live.on_publish = [this] { health.configure(5000000); };
      fault = live.start({});
      dispatcher.add_methods(rpc);
    }
    link::Exchange exchange;
    config::Live live;
    health::Health health;
    Dispatcher dispatcher;
    Rpc rpc;
    std::string fault;
  };

  void SetUp() override {
    char name[] = "/tmp/tandem-dispatcher-XXXXXX";
    folder = mkdtemp(name);
    write_config("");
    restart();
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void write_config(const std::string& more) {
    std::ofstream(folder + "/tandem.toml") << "[node]\nstate = \"" << folder << "\"\n"
                                           << R"([limits]
destinations = 16
[[port]]
device = "af_xdp:eth0"
[[listen]]
address = "192.0.2.1:5060"
[[group]]
name = "g"
[[group.destination]]
uri = "sip:192.0.2.21"
[[group.destination]]
uri = "sip:192.0.2.22"
)" << more;
  }
  void restart() {
    node.reset();
    node = std::make_unique<Control>(folder + "/tandem.toml");
    EXPECT_EQ(node->fault, "");
  }
  Json call(const std::string& method, const Json& params = Json::array()) {
    Json request = {{"method", method}, {"params", params}, {"id", 1}};
    return Json::parse(node->rpc.handle(request.dump()));
  }
  Json destination(size_t i, size_t group = 0) {
    Json set = call("dispatcher.list")["result"]["RECORDS"][group]["SET"];
    return i < set["TARGETS"].size() ? set["TARGETS"][i]["DEST"] : Json();
  }
  size_t count() {
    return call("dispatcher.list")["result"]["RECORDS"][0]["SET"]["TARGETS"].size();
  }
  link::DestinationState& state(size_t i) {
    const auto& group = node->exchange.config.read()->groups[0];
    return node->exchange.destinations.at(group.destinations[i].slot);
  }

  std::string folder;
  std::unique_ptr<Control> node;
};

TEST_F(DispatcherTest, ListHasTheShapeOfKamailios) {
  Json result = call("dispatcher.list")["result"];
  EXPECT_EQ(result["NRSETS"], 1);
  EXPECT_EQ(result["RECORDS"][0]["SET"]["ID"], 1);
  Json one = destination(0);
  EXPECT_EQ(one["URI"], "sip:192.0.2.21");
  EXPECT_EQ(one["FLAGS"], "AX");
  EXPECT_EQ(one["PRIORITY"], 0);
  for (const char* key : {"BODY", "MAXLOAD", "WEIGHT", "SOCKET"}) {
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
  call("dispatcher.set_state", {"a", 1, "192.0.2.21:5060"});
  EXPECT_EQ(destination(0)["FLAGS"], "AX");
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
           {"dispatcher.ping_active", Json::array({"nobody"})}}) {
    Json reply = call(method, params);
    EXPECT_TRUE(reply.contains("error")) << method << " " << params.dump();
  }
  EXPECT_EQ(count(), 2u);
  EXPECT_EQ(destination(0)["FLAGS"], "AX");
  EXPECT_FALSE(std::filesystem::exists(folder + "/edits.json"));
}

TEST_F(DispatcherTest, WhatIsAddedChangedAndRemovedStaysOverReloadAndRestart) {
  EXPECT_EQ(
      call("dispatcher.add", {"g", "sip:192.0.2.30", 0, 5, "weight=3;maxload=7;rack=5"})["result"],
      "added");
  call("dispatcher.change", {"g", "sip:192.0.2.21", "weight=9"});
  call("dispatcher.remove", {"g", "sip:192.0.2.22"});
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(count(), 2u) << "round " << round;
    EXPECT_EQ(destination(0)["URI"], "sip:192.0.2.30");
    EXPECT_EQ(destination(0)["PRIORITY"], 5);
    EXPECT_EQ(destination(0)["ATTRS"]["WEIGHT"], 3);
    EXPECT_EQ(destination(0)["ATTRS"]["MAXLOAD"], 7);
    EXPECT_EQ(destination(0)["ATTRS"]["BODY"], "rack=5");
    EXPECT_EQ(destination(1)["ATTRS"]["WEIGHT"], 9);
    EXPECT_EQ(destination(1)["EDITED"], true);
    if (round == 0) node->live.reload();
    if (round == 1) restart();
  }
  EXPECT_EQ(call("dispatcher.discard_edits")["result"], "discarded");
  EXPECT_EQ(count(), 2u);
  EXPECT_EQ(destination(0)["ATTRS"]["WEIGHT"], 1);
  EXPECT_EQ(destination(1)["URI"], "sip:192.0.2.22");
}

// kamailio#1578: an edit of one leaves the others as they are.
TEST_F(DispatcherTest, EditKeepsTheStateOfTheOthers) {
  state(1).calls = 4;
  state(1).probed = link::Probed::kDown;
  call("dispatcher.add", {"g", "sip:192.0.2.30", 0, 9});
  EXPECT_EQ(destination(2)["URI"], "sip:192.0.2.22");
  EXPECT_EQ(destination(2)["ACTIVE"], 4);
  EXPECT_EQ(state(2).probed, link::Probed::kDown);
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

TEST_F(DispatcherTest, LimitsOfALongerTimeStayOverRestart) {
  Json added = call("dispatcher.add", {"g", "sip:192.0.2.99", 0, 0, "calls_sustained=100"});
  EXPECT_EQ(added["result"], "added");
  EXPECT_EQ(destination(2)["ATTRS"]["CALLS_WINDOW_S"], 60);
  EXPECT_TRUE(
      call("dispatcher.change", {"g", "sip:192.0.2.99", "calls_window_s=0"}).contains("error"));
  call("dispatcher.change", {"g", "sip:192.0.2.99", "calls_window_s=3600"});
  restart();
  EXPECT_EQ(destination(2)["ATTRS"]["CALLS_SUSTAINED"], 100);
  EXPECT_EQ(destination(2)["ATTRS"]["CALLS_WINDOW_S"], 3600);
}

TEST_F(DispatcherTest, FullOfDestinationsIsTold) {
  for (int i = 0; i < 14; ++i) {
    EXPECT_EQ(call("dispatcher.add", {"g", "sip:192.0.2." + std::to_string(100 + i)})["result"],
              "added");
  }
  EXPECT_TRUE(call("dispatcher.add", {"g", "sip:192.0.2.99"}).contains("error"));
  EXPECT_EQ(count(), 16u);
  restart();
  EXPECT_EQ(count(), 16u);
}

// Where the state cannot be written nothing is changed, and that is said.
TEST_F(DispatcherTest, EditThatCannotBeWrittenDownIsNotMade) {
  std::filesystem::create_directory(folder + "/edits.json");
  EXPECT_TRUE(call("dispatcher.add", {"g", "sip:192.0.2.30"}).contains("error"));
  EXPECT_TRUE(call("dispatcher.disable", Json::array({"sip:192.0.2.21"})).contains("error"));
  EXPECT_EQ(count(), 2u);
  EXPECT_EQ(destination(0)["STATE"], "active");
}

TEST_F(DispatcherTest, BrokenEditsStopTheStartWithTheirName) {
  for (const char* text :
       {"", "{", "[]", "{\"destinations\": 5, \"admin\": []}",
        "{\"destinations\": [{\"group\": \"g\"}], \"admin\": []}",
        "{\"destinations\": [{\"group\": \"g\", \"uri\": \"sip:x\"}], \"admin\": []}",
        "{\"destinations\": [], \"admin\": [{\"group\": \"g\", \"uri\": \"x\", "
        "\"state\": \"odd\"}]}"}) {
    std::ofstream(folder + "/edits.json") << text;
    Control other(folder + "/tandem.toml");
    EXPECT_TRUE(other.fault.starts_with(folder + "/edits.json holds no edits")) << other.fault;
  }
}

TEST_F(DispatcherTest, ReloadWithAMistakeLeavesAllAsItIs) {
  call("dispatcher.add", {"g", "sip:192.0.2.30"});
  write_config("weight = \"much\"\n");
  auto faults = node->live.reload();
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0], folder + "/tandem.toml:15:10: weight is a whole number from 0 to 1000000");
  EXPECT_EQ(count(), 3u);
}

// A file that comes to have what was added by hand is no contradiction.
TEST_F(DispatcherTest, FileMayTakeOverWhatWasAdded) {
  call("dispatcher.add", {"g", "sip:192.0.2.30", 0, 0, "weight=4"});
  write_config("[[group.destination]]\nuri = \"sip:192.0.2.30\"\n");
  EXPECT_TRUE(node->live.reload().empty());
  EXPECT_EQ(count(), 3u);
  EXPECT_EQ(destination(2)["ATTRS"]["WEIGHT"], 4);
}

// In another spelling it is the same destination: the file counts, and the node starts.
TEST_F(DispatcherTest, FileMayTakeOverWhatWasAddedInAnotherSpelling) {
  call("dispatcher.add", {"g", "sip:192.0.2.30", 0, 0, "weight=4"});
  write_config("[[group.destination]]\nuri = \"sip:192.0.2.30:5060\"\n");
  EXPECT_TRUE(node->live.reload().empty());
  EXPECT_EQ(count(), 3u);
  EXPECT_EQ(destination(2)["URI"], "sip:192.0.2.30:5060");
  restart();
  EXPECT_EQ(count(), 3u);
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

// The removal of another spelling makes room for the addition.
TEST_F(DispatcherTest, RemovedOneMakesRoomForTheSameInAnotherSpelling) {
  call("dispatcher.add", {"g", "sip:192.0.2.30:5060"});
  call("dispatcher.remove", {"g", "sip:192.0.2.22"});
  EXPECT_EQ(call("dispatcher.add", {"g", "sip:192.0.2.22:5060"})["result"], "added");
  EXPECT_TRUE(call("dispatcher.add", {"g", "sip:192.0.2.30"}).contains("error"));
  restart();
  EXPECT_EQ(count(), 3u);
}

TEST_F(DispatcherTest, DiscardedEditsAreAlsoWhatWasSaid) {
  call("dispatcher.disable", {"g", "sip:192.0.2.21"});
  call("dispatcher.discard_edits");
  EXPECT_EQ(destination(0)["STATE"], "active");
  restart();
  EXPECT_EQ(destination(0)["STATE"], "active");
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
