#include "dataplane/io/interface_hold.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace dataplane {

InterfaceHold::~InterfaceHold() {
  if (socket_ >= 0) close(socket_);
}

InterfaceHold::InterfaceHold(InterfaceHold&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)) {}

std::string InterfaceHold::take(const std::string& interface) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name = "tandem/" + interface;  // behind the NUL that makes it abstract
  if (name.size() + 1 > sizeof address.sun_path) return interface + " is no interface";
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_ >= 0 && bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0) return {};
  if (errno == EADDRINUSE) return "another Tandem runs on " + interface + ": stop it first";
  return interface + " cannot be held: " + std::strerror(errno);
}

}  // namespace dataplane
