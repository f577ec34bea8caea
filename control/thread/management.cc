#include "control/thread/management.h"

#include <prometheus/text_serializer.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <utility>

#include "control/manage/http_server.h"
#include "control/manage/socket_server.h"

namespace control::thread {

namespace asio = boost::asio;
using Reply = manage::HttpServer::Reply;

struct Management::State {
  State(asio::io_context& control_, Desk desk_)
      : control(control_),
        desk(std::move(desk_)),
        socket(io, [this](std::string request, Reply reply) { rpc(std::move(request), reply); }),
        http(io, {[this](std::string request, Reply reply) { rpc(std::move(request), reply); },
                  [this](Reply reply) { ask(desk.overview, pass, std::move(reply)); },
                  [this](Reply reply) { ask(desk.metrics, serialized, std::move(reply)); },
                  [this](Reply reply) { ask(desk.fault, pass, std::move(reply)); }}) {}

  // Has `question` answered by control; what it says becomes text here. Control gets a number and
  // not the reply, which belongs to a connection of this thread and must not outlive its loop.
  template <class Question, class ToText>
  void ask(Question question, ToText to_text, Reply reply) {
    uint64_t number = ++asked;
    waiting.emplace(number, std::move(reply));
    asio::post(control, [this, number, question = std::move(question), to_text] {
      asio::post(io, [this, number, to_text, said = question()]() mutable {
        auto found = waiting.extract(number);
        if (found) found.mapped()(to_text(std::move(said)));
      });
    });
  }
  void rpc(std::string request, Reply reply) {
    ask([this, request = std::move(request)] { return desk.rpc(request); }, pass, std::move(reply));
  }
  static std::string pass(std::string text) { return text; }
  static std::string serialized(const std::vector<prometheus::MetricFamily>& families) {
    return prometheus::TextSerializer().Serialize(families);
  }

  asio::io_context& control;
  const Desk desk;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  manage::SocketServer socket;
  manage::HttpServer http;
  std::map<uint64_t, Reply> waiting;  // for control
  uint64_t asked = 0;
  std::thread thread;
};

Management::Management(asio::io_context& control, Desk desk)
    : state_(std::make_unique<State>(control, std::move(desk))) {}

Management::~Management() { stop(); }

std::string Management::start(const config::ManagementSettings& settings) {
  if (auto fault = state_->socket.open(settings.socket); !fault.empty()) return fault;
  if (auto fault = state_->http.open(settings); !fault.empty()) return fault;
  state_->thread = std::thread([this] { state_->io.run(); });
  return {};
}

void Management::allow(const config::ManagementSettings& settings) {
  asio::post(state_->io, [this, settings] { state_->http.allow(settings); });
}

void Management::stop() {
  state_->io.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace control::thread
