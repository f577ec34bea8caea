#include "control/thread/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>

#include "control/link/descriptor.h"

namespace control::thread {

void Notify::reloading(uint64_t now_us) const {
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now_us) + "\n");
}

void Notify::send(std::string_view message) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
  socket_.copy(address.sun_path, socket_.size());
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  link::Descriptor out(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // Nobody can be told that it failed, and nothing depends on it but the service manager itself.
  static_cast<void>(sendto(out.get(), message.data(), message.size(), MSG_NOSIGNAL,
                           reinterpret_cast<sockaddr*>(&address), size));
}

}  // namespace control::thread
