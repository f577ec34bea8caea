// Edits of groups: they stay over reload and restart, fit the file or give way to it, and can be
// seen and taken back.
#include "tests/control/dispatcher_fixture.h"

namespace control::manage {
namespace {

// A host name that stands for nothing, mistyped perhaps, can be seen and removed.
TEST_F(DispatcherTest, UnresolvedNamesAreListedAndRemoved) {
  call("dispatcher.add", {"g", "sip:backedn.example.com", 0, 0, "weight=3"});
  ASSERT_EQ(count(), 3u);
  EXPECT_EQ(destination(2)["STATE"], "unresolved");
  EXPECT_EQ(destination(2)["ATTRS"]["WEIGHT"], 3);
  EXPECT_EQ(call("dispatcher.change", {"g", "sip:backedn.example.com", "weight=4"})["result"],
            "changed");
  EXPECT_EQ(
      call("dispatcher.disable", Json::array({"sip:backedn.example.com"}))["result"]["ACTIVE"], 0);
  EXPECT_FALSE(call("dispatcher.remove", {"g", "sip:backedn.example.com"}).contains("error"));
  EXPECT_EQ(count(), 2u);
}

// A host name is edited as a whole.
TEST_F(DispatcherTest, OneAddressOfANameIsNotEdited) {
  node->live.members = [](const resolve::HostName&) -> const std::vector<resolve::Member>& {
    static const std::vector<resolve::Member> kTwo = {
        {0, 1, *sipcore::parse_endpoint("192.0.2.31", 5060)},
        {0, 1, *sipcore::parse_endpoint("192.0.2.32", 5060)}};
    return kTwo;
  };
  call("dispatcher.add", {"g", "sip:sbc.example.com"});
  ASSERT_EQ(count(), 4u);
  EXPECT_TRUE(call("dispatcher.remove", {"g", "192.0.2.31:5060"}).contains("error"));
  EXPECT_TRUE(call("dispatcher.change", {"g", "192.0.2.31:5060", "weight=2"}).contains("error"));
  call("dispatcher.disable", Json::array({"192.0.2.31:5060"}));
  EXPECT_EQ(destination(2)["STATE"], "disabled");
  EXPECT_EQ(destination(3)["STATE"], "active");
  call("dispatcher.remove", {"g", "sip:sbc.example.com"});
  EXPECT_EQ(count(), 2u);
}

TEST_F(DispatcherTest, EditsAreListedAndTakenBackOneByOne) {
  call("dispatcher.add", {"g", "sip:192.0.2.30"});
  call("dispatcher.change", {"g", "sip:192.0.2.21", "weight=9;attributes=rack=5"});
  call("dispatcher.remove", {"g", "sip:192.0.2.22"});
  call("dispatcher.disable", Json::array({"sip:192.0.2.30"}));
  std::set<std::string> words;
  Json listed = call("dispatcher.edits");
  for (const Json& one : listed["result"]["edits"]) words.insert(one["what"]);
  EXPECT_EQ(words, (std::set<std::string>{"added", "changed", "removed", "disabled"}));
  EXPECT_EQ(call("dispatcher.discard_edits", {"g", "sip:192.0.2.22"})["result"], "discarded");
  EXPECT_EQ(call("dispatcher.discard_edits", {"g", "sip:192.0.2.21"})["result"], "discarded");
  EXPECT_EQ(count(), 3u);
  EXPECT_EQ(destination(0)["ATTRS"]["WEIGHT"], 1);
  // What was added and is removed leaves nothing.
  call("dispatcher.remove", {"g", "sip:192.0.2.30"});
  EXPECT_EQ(call("dispatcher.edits")["result"]["edits"], Json::array());
}

// One address of a host name that was taken out is taken back by the name that is listed.
TEST_F(DispatcherTest, WhatWasSaidOfOneAddressIsTakenBackAlone) {
  names_stand_for_one_address();
  call("dispatcher.add", {"g", "sip:sbc.example.com"});
  call("dispatcher.disable", Json::array({"192.0.2.31:5060"}));
  EXPECT_EQ(destination(2)["EDITED"], true);
  EXPECT_EQ(
      call("dispatcher.discard_edits", {"g", "sip:sbc.example.com 192.0.2.31:5060"})["result"],
      "discarded");
  ASSERT_EQ(count(), 3u);
  EXPECT_EQ(destination(2)["STATE"], "active");
  EXPECT_EQ(call("dispatcher.edits")["result"]["edits"].size(), 1u);
}

// What was said of all addresses goes on to hold for the one, also over a reload.
TEST_F(DispatcherTest, WhatWasSaidOfTheNameHoldsAgain) {
  names_stand_for_one_address();
  call("dispatcher.add", {"g", "sip:sbc.example.com"});
  call("dispatcher.disable", Json::array({"sip:sbc.example.com"}));
  call("dispatcher.enable", Json::array({"192.0.2.31:5060"}));
  EXPECT_EQ(destination(2)["STATE"], "active");
  call("dispatcher.discard_edits", {"g", "sip:sbc.example.com 192.0.2.31:5060"});
  EXPECT_EQ(destination(2)["STATE"], "disabled");
  node->live.reload();
  EXPECT_EQ(destination(2)["STATE"], "disabled");
}

// What the file has may come back disabled.
TEST_F(DispatcherTest, RemovedAndAddedWithFlags) {
  call("dispatcher.remove", {"g", "sip:192.0.2.22"});
  EXPECT_EQ(call("dispatcher.add", {"g", "sip:192.0.2.22", 4})["result"], "added");
  EXPECT_EQ(destination(1)["STATE"], "disabled");
  restart();
  EXPECT_EQ(destination(1)["STATE"], "disabled");
}

// A name of the list means that one, in each group for itself, and so it is taken back.
TEST_F(DispatcherTest, NamesAreExactInTheirGroup) {
  const std::string uri = "sip:192.0.2.21", listen = "listen = \"192.0.2.1:5060\"\n";
  write_config("[[group]]\nname = \"h\"\n[[group.destination]]\nuri = \"" + uri + "\"\n" + listen);
  EXPECT_TRUE(node->live.reload().empty());
  Json drained = call("dispatcher.drain", Json::array({uri}));
  EXPECT_EQ(drained["result"]["NAMES"], (Json{uri, "sip:192.0.2.21 from 192.0.2.1:5060"}));
  call("dispatcher.add", {"g", uri, 0, 0, "listen=192.0.2.1"});
  call("dispatcher.discard_edits");
  call("dispatcher.add", {"g", uri, 4, 0, "listen=192.0.2.1"});
  call("dispatcher.disable", {"g", uri});
  call("dispatcher.discard_edits", {"g", uri});
  EXPECT_EQ(call("dispatcher.edits")["result"]["edits"].size(), 1u);
}

// What would put another edit out is not done.
TEST_F(DispatcherTest, DiscardingPutsNothingElseOut) {
  call("dispatcher.remove", {"g", "sip:192.0.2.22"});
  call("dispatcher.add", {"g", "sip:192.0.2.22:5060", 0, 0, "weight=5"});
  EXPECT_TRUE(call("dispatcher.discard_edits", {"g", "sip:192.0.2.22"}).contains("error"));
  EXPECT_EQ(count(), 2u);
}

TEST_F(DispatcherTest, ABurstThatIsSaidCountsInWhateverOrder) {
  for (const char* attributes : {"calls_burst=1;calls_per_s=50", "calls_per_s=50;calls_burst=1"}) {
    call("dispatcher.change", {"g", "sip:192.0.2.21", attributes});
    const auto& group = node->exchange.config.read()->groups[0];
    EXPECT_EQ(group.destinations[0].call_rate.peak.burst, 1u) << attributes;
    call("dispatcher.discard_edits");
  }
  call("dispatcher.change", {"g", "sip:192.0.2.21", "calls_per_s=50"});
  EXPECT_EQ(node->exchange.config.read()->groups[0].destinations[0].call_rate.peak.burst, 50u);
}

// What is changed of a destination is not whether it is enabled: there the file goes on to count.
TEST_F(DispatcherTest, WhatIsDisabledByTheFileStaysSoThoughItWasChanged) {
  call("dispatcher.change", {"g", "sip:192.0.2.22", "weight=5"});
  call("dispatcher.disable", {"g", "sip:192.0.2.22"});
  write_config("enabled = false\n");
  EXPECT_TRUE(node->live.reload().empty());
  restart();
  EXPECT_EQ(destination(1)["STATE"], "disabled");
}

// Also what was said of it alone, and also where the node was down meanwhile.
TEST_F(DispatcherTest, WhatIsForgottenAtTheStartStaysForgotten) {
  const std::string more = "[[group.destination]]\nuri = \"sip:192.0.2.29\"\n";
  for (const char* method : {"dispatcher.remove", "dispatcher.disable"}) {
    write_config(more);
    node->live.reload();
    call(method, {"g", "sip:192.0.2.29"});
    write_config("");
    restart();
    write_config(more);
    node->live.reload();
    restart();
    ASSERT_EQ(count(), 3u) << method;
    EXPECT_EQ(destination(2)["STATE"], "active") << method;
  }
}

// What was changed or removed of the file goes with it, and does not come back with it either.
TEST_F(DispatcherTest, WhatTheFileDropsIsForgotten) {
  call("dispatcher.change", {"g", "sip:192.0.2.22", "weight=9"});
  auto write = [&](bool with) {
    std::string more = with ? "[[group.destination]]\nuri = \"sip:192.0.2.29\"\n" : "";
    write_config(more);
    EXPECT_TRUE(node->live.reload().empty());
  };
  write(true);
  call("dispatcher.change", {"g", "sip:192.0.2.29", "weight=9"});
  write(false);
  EXPECT_EQ(count(), 2u);
  write(true);
  EXPECT_EQ(destination(2)["ATTRS"]["WEIGHT"], 1);
  call("dispatcher.remove", {"g", "sip:192.0.2.29"});
  EXPECT_EQ(count(), 2u);
  write(false);
  restart();
  write(true);
  EXPECT_EQ(count(), 3u);
  EXPECT_EQ(destination(1)["ATTRS"]["WEIGHT"], 9);
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

// One URI, sent to from an address of its own: with a state of its own, by the name that the list
// has for it, over a restart.
TEST_F(DispatcherTest, OneUriFromTwoListensIsTwoDestinations) {
  const std::string listen = "listen=192.0.2.1", uri = "sip:192.0.2.21",
                    other = "sip:192.0.2.21 from 192.0.2.1:5060";
  EXPECT_EQ(call("dispatcher.add", {"g", uri, 0, 0, "socket=udp:192.0.2.1:5060"})["result"],
            "added");
  EXPECT_TRUE(call("dispatcher.add", {"g", uri, 0, 0, listen}).contains("error"));
  EXPECT_TRUE(call("dispatcher.add", {"g", uri, 0, 0, "listen=192.0.2.7"}).contains("error"));
  EXPECT_TRUE(call("dispatcher.add", {"g", uri, 0, 0, "listen=x"}).contains("error"));
  EXPECT_TRUE(call("dispatcher.change", {"g", uri, listen}).contains("error"));
  call("dispatcher.disable", Json::array({other}));
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(count(), 3u);
    EXPECT_EQ(destination(0)["STATE"], "active");
    EXPECT_EQ(destination(2)["NAME"], other);
    EXPECT_EQ(destination(2)["ATTRS"]["SOCKET"], "192.0.2.1:5060");
    EXPECT_EQ(destination(2)["STATE"], "disabled");
    if (round == 0) restart();
  }
  call("dispatcher.change", {"g", other, "weight=7"});
  EXPECT_EQ(destination(0)["ATTRS"]["WEIGHT"], 1);
  EXPECT_EQ(destination(2)["ATTRS"]["WEIGHT"], 7);
  // The list calls one of them by the URI alone: that one is meant.
  EXPECT_EQ(call("dispatcher.drain", Json::array({uri}))["result"]["NAMES"], Json::array({uri}));
  call("dispatcher.remove", {"g", uri});
  EXPECT_EQ(count(), 2u);
  // Else all are.
  EXPECT_EQ(call("dispatcher.drain", Json::array({uri}))["result"]["NAMES"], Json::array({other}));
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
        "\"state\": \"odd\"}]}",
        "{\"destinations\": [], \"admin\": [{\"group\": \"g\", \"uri\": \"x\", "
        "\"listen\": \"odd\", \"state\": \"disabled\"}]}"}) {
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

}  // namespace
}  // namespace control::manage
