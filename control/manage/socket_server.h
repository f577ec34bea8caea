// The Unix socket of the management interface: one JSON-RPC request per line, one reply per line,
// and to whoever wants to follow events a line for each of them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "control/manage/rpc.h"

namespace control::manage {

class SocketServer {
 public:
  static constexpr size_t kMostClients = 32;
  static constexpr size_t kMostFollowers = 16;  // of them; one more is let go
  static constexpr size_t kMostUnread = 1000;   // events; who falls behind is let go

  // Answers each line with what `handle` gives to its second argument, once, on the thread of `io`.
  using Reply = std::function<void(Answer)>;
  using Handle = std::function<void(std::string request, Reply reply)>;
  SocketServer(boost::asio::io_context& io, Handle handle);
  ~SocketServer();

  // Creates the socket, for its owner only, with its directory where that is missing; a socket left
  // by a process that is gone is replaced. A sentence on failure; empty: it listens.
  std::string open(const std::string& path);

  // An event, for those who follow. On the thread of `io`, as all here.
  void tell(const std::string& event);

 private:
  struct State;
  class Client;
  std::shared_ptr<State> state_;
};

}  // namespace control::manage
