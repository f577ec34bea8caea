// Management over HTTP: the page, its data, metrics for Prometheus, and JSON-RPC.
//
//   GET  /  /page.js  /page.css   the page itself
//   GET  /live                    what it shows, as JSON
//   GET  /metrics                 for Prometheus
//   GET  /health                  200 while every worker works, else 503
//   POST /RPC                     JSON-RPC, always with "Authorization: Bearer TOKEN"
//
// Reading wants the token too unless reading is open. Runs on the management thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "control/config/settings.h"

namespace control::manage {

class HttpServer {
 public:
  static constexpr size_t kMostClients = 64;

  // Each is asked on the management thread and answers there, later.
  using Reply = std::function<void(std::string)>;
  struct Site {
    std::function<void(std::string request, Reply)> rpc;
    std::function<void(Reply)> live;
    std::function<void(Reply)> metrics;
    std::function<void(Reply)> health;  // empty: well; else what is wrong
  };

  HttpServer(boost::asio::io_context& io, Site site);
  ~HttpServer();

  // Listens as the settings say; not at all where they name no address. A sentence on failure.
  std::string open(const config::ManagementSettings& settings);
  // Who may do what from now on.
  void allow(const config::ManagementSettings& settings);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace control::manage
