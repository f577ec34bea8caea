// The control thread: configuration and reload, the kernel's view of the network, messages from the
// workers, management requests. It runs one event loop and never blocks on a peer.
#pragma once

#include <memory>
#include <string>

#include "control/config/running.h"
#include "control/config/settings.h"
#include "control/kernel/netlink.h"
#include "control/link/exchange.h"
#include "sipcore/hash/siphash.h"

namespace control::thread {

class Control {
 public:
  // `path` is the configuration file, read again at each reload.
  Control(std::string path, config::Settings settings, link::Exchange& exchange);
  ~Control();

  // Publishes the first configuration and opens sockets. A sentence on failure; empty: ready.
  std::string start(std::vector<kernel::PortInterface> ports);
  // Serves until SIGTERM or SIGINT.
  void run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace control::thread
