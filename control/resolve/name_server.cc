#include "control/resolve/name_server.h"

#include <ares.h>
#include <netinet/in.h>
#include <poll.h>

#include <array>
#include <cstring>

namespace control::resolve {
namespace {

constexpr int kClassInternet = 1;
constexpr int kTimeoutMs = 1000;  // of the first try
constexpr int kTries = 3;
constexpr uint32_t kHostsFileTtlS = 30;  // then it is read again

// What c-ares holds while a question is under way.
struct Question {
  Resolver::Done done;
};

void answered(void* context, int status, int, unsigned char* bytes, int size) {
  std::unique_ptr<Question> question(static_cast<Question*>(context));
  if (status == ARES_EDESTRUCTION) return;
  bool nothing = status == ARES_ENODATA || status == ARES_ENOTFOUND;
  if (status != ARES_SUCCESS && !nothing) return question->done(nullptr);
  std::optional<Answer> answer = Answer{};
  if (bytes != nullptr) {
    answer = read_answer({reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)});
  }
  question->done(answer ? &*answer : nullptr);
}

bool read_address(const sockaddr* from, Record& out) {
  const void* bytes = nullptr;
  if (from->sa_family == AF_INET) {
    out.type = RecordType::kA;
    out.ip.family = sipcore::Family::kV4;
    bytes = &reinterpret_cast<const sockaddr_in*>(from)->sin_addr;
  } else if (from->sa_family == AF_INET6) {
    out.type = RecordType::kAaaa;
    out.ip.family = sipcore::Family::kV6;
    bytes = &reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr;
  } else {
    return false;
  }
  std::memcpy(out.ip.bytes.data(), bytes, out.ip.size());
  return true;
}

}  // namespace

struct NameServer::State {
  ares_channel channel = nullptr;
  ares_channel hosts = nullptr;  // looks into the hosts file and nowhere else
};

NameServer::NameServer() : state_(std::make_unique<State>()) {}

NameServer::~NameServer() {
  for (ares_channel one : {state_->channel, state_->hosts}) {
    if (one != nullptr) ares_destroy(one);
  }
}

std::string NameServer::open(const std::vector<std::string>& servers) {
  ares_options options{};
  options.timeout = kTimeoutMs;
  options.tries = kTries;
  options.flags = ARES_FLAG_NOSEARCH;  // names of destinations are whole
  int status = ares_init_options(&state_->channel, &options,
                                 ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS);
  char file[] = "f";
  options.lookups = file;
  if (status == ARES_SUCCESS) {
    status = ares_init_options(&state_->hosts, &options, ARES_OPT_LOOKUPS | ARES_OPT_FLAGS);
  }
  if (status != ARES_SUCCESS) return std::string("no name service: ") + ares_strerror(status);
  if (servers.empty()) return {};
  std::string list;
  for (const std::string& one : servers) list += (list.empty() ? "" : ",") + one;
  status = ares_set_servers_ports_csv(state_->channel, list.c_str());
  if (status == ARES_SUCCESS) return {};
  return "name_servers of [node]: " + std::string(ares_strerror(status));
}

void NameServer::ask(const std::string& name, RecordType type, Resolver::Done done) {
  auto question = std::make_unique<Question>(Question{std::move(done)});
  ares_query(state_->channel, name.c_str(), kClassInternet, static_cast<int>(type), answered,
             question.release());
}

std::vector<Record> NameServer::in_hosts_file(const std::string& name) const {
  // A file is read at once: the answer is there when the question returns.
  ares_addrinfo* found = nullptr;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_flags = ARES_AI_NOSORT;
  auto keep = [](void* context, int status, int, ares_addrinfo* result) {
    if (status == ARES_SUCCESS) *static_cast<ares_addrinfo**>(context) = result;
  };
  ares_getaddrinfo(state_->hosts, name.c_str(), nullptr, &hints, keep, &found);
  std::vector<Record> out;
  if (found == nullptr) return out;
  for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next) {
    Record one;
    one.name = name;
    one.ttl_s = kHostsFileTtlS;
    if (read_address(node->ai_addr, one)) out.push_back(one);
  }
  ares_freeaddrinfo(found);
  return out;
}

void NameServer::tick() {
  std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets;
  int wanted = ares_getsock(state_->channel, sockets.data(), ARES_GETSOCK_MAXNUM);
  if (wanted == 0) return;
  std::array<pollfd, ARES_GETSOCK_MAXNUM> all;
  nfds_t count = 0;
  for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
    short events = 0;
    if (ARES_GETSOCK_READABLE(wanted, i)) events |= POLLIN;
    if (ARES_GETSOCK_WRITABLE(wanted, i)) events |= POLLOUT;
    if (events != 0) all[count++] = {sockets[static_cast<size_t>(i)], events, 0};
  }
  poll(all.data(), count, 0);
  // Without a socket that is ready it looks at its clock.
  ares_process_fd(state_->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  for (nfds_t i = 0; i < count; ++i) {
    bool in = (all[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    bool out = (all[i].revents & POLLOUT) != 0;
    if (!in && !out) continue;
    ares_process_fd(state_->channel, in ? all[i].fd : ARES_SOCKET_BAD,
                    out ? all[i].fd : ARES_SOCKET_BAD);
  }
}

}  // namespace control::resolve
