// The ceiling of kernel sockets: a server that reads datagrams in bursts (recvmmsg) and sends each
// to the other side, caller or callee, as it is (sendmmsg). Nothing of SIP is done.
//
//   forwarder [CPU]
#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr unsigned kBurst = 64;
constexpr size_t kRoom = 2048;
constexpr int kSocketRoom = 64 << 20;

volatile std::sig_atomic_t ended = 0;

sockaddr_in address(const char* ip) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(5060);
  inet_pton(AF_INET, ip, &out.sin_addr);
  return out;
}

int open_socket() {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in own = address("198.18.0.1");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketRoom, sizeof kSocketRoom);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketRoom, sizeof kSocketRoom);
  if (bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) {
    std::perror("forwarder: bind");
    std::exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = [](int) { ended = 1; };
  sigaction(SIGTERM, &action, nullptr);
  if (argc > 1) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(static_cast<size_t>(std::atoi(argv[1])), &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
  }
  int fd = open_socket();
  static std::array<std::array<char, kRoom>, kBurst> rooms;
  std::array<sockaddr_in, kBurst> sources;
  std::array<iovec, kBurst> parts;
  std::array<mmsghdr, kBurst> messages{};
  sockaddr_in caller = address("198.18.0.110"), callee = address("198.18.0.121");
  while (ended == 0) {
    for (unsigned i = 0; i < kBurst; ++i) {
      parts[i] = {rooms[i].data(), kRoom};
      messages[i].msg_hdr = {};
      messages[i].msg_hdr.msg_name = &sources[i];
      messages[i].msg_hdr.msg_namelen = sizeof sources[i];
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    int count = recvmmsg(fd, messages.data(), kBurst, MSG_WAITFORONE, nullptr);
    for (int i = 0; i < count; ++i) {
      size_t at = static_cast<size_t>(i);
      parts[at].iov_len = messages[at].msg_len;
      bool from_caller = sources[at].sin_addr.s_addr == caller.sin_addr.s_addr;
      sources[at] = from_caller ? callee : caller;
    }
    for (int sent = 0; sent < count;) {
      int now = sendmmsg(fd, messages.data() + sent, static_cast<unsigned>(count - sent), 0);
      if (now <= 0) break;
      sent += now;
    }
  }
  return 0;
}
