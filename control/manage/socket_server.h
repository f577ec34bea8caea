// The Unix socket of the management interface: one JSON-RPC request per line, one reply per line.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

namespace control::manage {

class SocketServer {
 public:
  static constexpr size_t kMostClients = 32;

  // Answers each line with what `handle` gives to its second argument, once, on the thread of `io`.
  using Reply = std::function<void(std::string)>;
  using Handle = std::function<void(std::string request, Reply reply)>;
  SocketServer(boost::asio::io_context& io, Handle handle);
  ~SocketServer();

  // Creates the socket, for its owner only, with its directory where that is missing; a socket left
  // by a process that is gone is replaced. A sentence on failure; empty: it listens.
  std::string open(const std::string& path);

 private:
  struct State;
  class Client;
  std::shared_ptr<State> state_;
};

}  // namespace control::manage
