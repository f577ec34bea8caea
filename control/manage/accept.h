// Taking connections, of any protocol of Asio.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

namespace control::manage {

template <class Protocol>
class Acceptor {
 public:
  explicit Acceptor(boost::asio::io_context& io) : acceptor(io), again_(io) {}

  // take(socket) for each connection, for as long as this lives, and so must what `take` holds.
  template <class Take>
  void accept(Take take) {
    using Error = boost::system::error_code;
    acceptor.async_accept([this, take](Error error, typename Protocol::socket socket) {
      if (error == boost::asio::error::operation_aborted) return;
      if (!error) {
        take(std::move(socket));
        return accept(take);
      }
      // No descriptors left, or the like: it passes.
      again_.expires_after(std::chrono::milliseconds(200));
      again_.async_wait([this, take](Error stopped) {
        if (!stopped) accept(take);
      });
    });
  }

  typename Protocol::acceptor acceptor;

 private:
  boost::asio::steady_timer again_;
};

}  // namespace control::manage
