#include "control/manage/client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/link/descriptor.h"

namespace control::manage {

void ask(const std::string& socket_path, const std::string& method, const Json& params,
         const std::function<bool(const Json& line)>& take) {
  link::Descriptor node(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (node.get() < 0 ||
      connect(node.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("no Tandem answers on " + socket_path +
                             ": is it running, and may you use its socket?");
  }
  Json request = {{"jsonrpc", "2.0"}, {"method", method}, {"params", params}, {"id", 1}};
  std::string text = request.dump() + "\n", lines;
  bool sent = write(node.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  char part[65536];
  for (ssize_t size; sent && (size = read(node.get(), part, sizeof part)) > 0;) {
    lines.append(part, static_cast<size_t>(size));
    for (size_t end; (end = lines.find('\n')) != std::string::npos; lines.erase(0, end + 1)) {
      if (!take(Json::parse(lines.substr(0, end)))) return;
    }
  }
  throw std::runtime_error("Tandem has closed " + socket_path +
                           ": it has ended, or too many follow it");
}

Json ask(const std::string& socket_path, const std::string& method, const Json& params) {
  Json reply;
  ask(socket_path, method, params, [&](const Json& line) {
    reply = line;
    return false;
  });
  return reply;
}

}  // namespace control::manage
