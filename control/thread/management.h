// The management thread: Unix socket and HTTP. It reads requests, asks the control thread, and
// writes the answers; nothing that a client does holds up control for longer than its answer takes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "control/config/settings.h"
#include "control/manage/rpc.h"

namespace prometheus {
struct MetricFamily;
}

namespace control::thread {

// What control is asked, on its own thread.
struct Desk {
  std::function<manage::Answer(const std::string& request)> rpc;
  std::function<std::string()> overview;
  std::function<std::vector<prometheus::MetricFamily>()> metrics;
  std::function<std::string()> fault;  // of the workers; empty: all is well
};

class Management {
 public:
  // `control`: the loop of the control thread, which must outlive this.
  Management(boost::asio::io_context& control, Desk desk);
  ~Management();

  // Opens socket and HTTP and begins to serve. A sentence on failure.
  std::string start(const config::ManagementSettings& settings);
  // Control thread: who may do what, after a reload.
  void allow(const config::ManagementSettings& settings);
  // Control thread: an event, for those who follow.
  void tell(std::string event);
  // Control thread, before its loop is gone.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace control::thread
