// Groups and destinations by management, over a configuration file and a state directory that are
// real.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "control/config/live.h"
#include "control/health/health.h"
#include "control/manage/dispatcher.h"
#include "control/manage/edit_methods.h"

namespace control::manage {

class DispatcherTest : public testing::Test {
 protected:
  // A node as control makes it, with one worker that is always quiet.
  struct Control {
    explicit Control(const std::string& path)
        : exchange(1, 16),
          live(path, std::get<config::Settings>(config::load(path)), exchange),
          health(exchange, 1),
          dispatcher(live, health, exchange, [] { return uint64_t{5000000}; }),
          edit_methods(live, exchange) {
      live.on_publish = [this] { health.configure(5000000); };
      fault = live.start({});
      dispatcher.add_methods(rpc);
      edit_methods.add_methods(rpc);
    }
    link::Exchange exchange;
    config::Live live;
    health::Health health;
    Dispatcher dispatcher;
    EditMethods edit_methods;
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
  // Every host name, for 192.0.2.31.
  void names_stand_for_one_address() {
    node->live.members = [](const resolve::HostName&) -> const std::vector<resolve::Member>& {
      static const std::vector<resolve::Member> kOne = {
          {0, 1, *sipcore::parse_endpoint("192.0.2.31", 5060)}};
      return kOne;
    };
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

}  // namespace control::manage
