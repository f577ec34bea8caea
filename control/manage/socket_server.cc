#include "control/manage/socket_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <filesystem>

#include "control/manage/accept.h"
#include "control/manage/rpc.h"

namespace control::manage {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

namespace {
constexpr auto kPatience = std::chrono::seconds(30);  // with a silent client
}  // namespace

struct SocketServer::State {
  explicit State(asio::io_context& io) : connections(io) {}
  Acceptor<Local> connections;
  Handle handle;
  std::string path;
  size_t clients = 0;
  std::vector<std::weak_ptr<Client>> followers;
};

// Lives as long as an operation of its connection is under way.
class SocketServer::Client : public std::enable_shared_from_this<Client> {
 public:
  Client(Local::socket socket, std::shared_ptr<State> state)
      : socket_(std::move(socket)),
        state_(std::move(state)),
        deadline_(socket_.get_executor()),
        input_(Rpc::kMostRequest) {
    ++state_->clients;
  }
  ~Client() { --state_->clients; }

  void read() {
    if (!follows_) watch();
    asio::async_read_until(
        socket_, input_, '\n',
        [self = shared_from_this()](boost::system::error_code error, size_t size) {
          if (self->unread_.empty()) self->deadline_.cancel();  // else it is that of writing
          if (!error) self->answer(size);
        });
  }

  // The next line for it.
  void send(std::string line) {
    if (unread_.size() == kMostUnread) return socket_.close();
    unread_.push_back(std::move(line) + "\n");
    if (unread_.size() == 1) write();
  }

 private:
  // Whoever neither asks nor takes his answer gives the place to another.
  void watch() {
    deadline_.expires_after(kPatience);
    deadline_.async_wait([self = weak_from_this()](boost::system::error_code error) {
      auto client = self.lock();
      if (!error && client) client->socket_.close();
    });
  }
  void answer(size_t size) {
    const char* begin = static_cast<const char*>(input_.data().data());
    std::string request(begin, size - 1);
    input_.consume(size);
    state_->handle(std::move(request), [self = shared_from_this()](Answer answer) {
      if (answer.follows && !self->follow()) return self->socket_.close();
      self->send(std::move(answer.text));
      self->answered_ = true;
    });
  }
  // False: there are too many already.
  bool follow() {
    auto& all = state_->followers;
    if (std::exchange(follows_, true)) return true;
    std::erase_if(all, [](const auto& one) { return one.expired(); });
    if (all.size() == kMostFollowers) return false;
    all.push_back(weak_from_this());
    return true;
  }
  void write() {
    watch();
    asio::async_write(socket_, asio::buffer(unread_.front()),
                      [self = shared_from_this()](boost::system::error_code error, size_t) {
                        self->deadline_.cancel();
                        if (!error) self->written();
                      });
  }
  void written() {
    unread_.pop_front();
    if (!unread_.empty()) return write();
    if (std::exchange(answered_, false)) read();
  }

  Local::socket socket_;
  std::shared_ptr<State> state_;
  asio::steady_timer deadline_;
  asio::streambuf input_;
  std::deque<std::string> unread_;
  bool follows_ = false;
  bool answered_ = false;  // what was asked last, and it has not been read on
};

SocketServer::SocketServer(asio::io_context& io, Handle handle)
    : state_(std::make_shared<State>(io)) {
  state_->handle = std::move(handle);
}

SocketServer::~SocketServer() {
  if (!state_->path.empty()) unlink(state_->path.c_str());
}

void SocketServer::tell(const std::string& event) {
  std::erase_if(state_->followers, [&](const std::weak_ptr<Client>& one) {
    auto client = one.lock();
    if (client) client->send(event);
    return client == nullptr;
  });
}

std::string SocketServer::open(const std::string& path) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  boost::system::error_code error;
  Local::acceptor& acceptor = state_->connections.acceptor;
  Local::socket probe(acceptor.get_executor());
  probe.connect(Local::endpoint(path), error);
  if (!error) return "another Tandem answers on " + path + ": stop it, or choose another socket";
  struct stat left {};
  if (lstat(path.c_str(), &left) == 0 && !S_ISSOCK(left.st_mode)) {
    return "management socket " + path + ": there is a file of that name that is no socket";
  }
  unlink(path.c_str());
  mode_t before = umask(0077);
  acceptor.open(Local(), error);
  if (!error) acceptor.bind(Local::endpoint(path), error);
  if (!error) acceptor.listen(16, error);
  umask(before);
  if (error) return "management socket " + path + " cannot be opened: " + error.message();
  state_->path = path;
  state_->connections.accept([this](Local::socket socket) {
    if (state_->clients < kMostClients) {
      std::make_shared<Client>(std::move(socket), state_)->read();
    }
  });
  return {};
}

}  // namespace control::manage
