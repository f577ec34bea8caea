// Tells the service manager what it waits for (sd_notify(3)): ready, reloading, stopping, and that
// all is alive. Without a service manager that asks for it nothing happens.
#pragma once

#include <string>
#include <string_view>

namespace control::thread {

class Notify {
 public:
  // `socket`: the value of NOTIFY_SOCKET, a path or, with @ before it, an abstract name; may be
  // empty.
  explicit Notify(std::string socket) : socket_(std::move(socket)) {}

  void ready() const { send("READY=1\n"); }
  // `now_us` is the clock of workers and control, which is the one that is asked for.
  void reloading(uint64_t now_us) const;
  void stopping() const { send("STOPPING=1\n"); }
  void alive() const { send("WATCHDOG=1\n"); }

 private:
  void send(std::string_view message) const;
  std::string socket_;
};

}  // namespace control::thread
