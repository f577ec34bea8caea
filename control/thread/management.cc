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
using HttpReply = manage::HttpServer::Reply;
using manage::Answer;
using Reply = manage::SocketServer::Reply;

struct Management::State {
  State(asio::io_context& control_, Desk desk_)
      : control(control_),
        desk(std::move(desk_)),
        socket(io, [this](std::string request, Reply reply) { rpc(std::move(request), reply); }),
        http(io, {[this](std::string request, HttpReply reply) {
                    rpc(std::move(request), text_to(std::move(reply)));
                  },
                  [this](HttpReply reply) { ask(desk.overview, text_to(std::move(reply))); },
                  [this](HttpReply reply) { ask(desk.metrics, text_to(std::move(reply))); },
                  [this](HttpReply reply) { ask(desk.fault, text_to(std::move(reply))); }}) {}

  // Has `question` answered by control; what it says becomes text here. Control gets a number and
  // not the reply, which belongs to a connection of this thread and must not outlive its loop.
  template <class Question>
  void ask(Question question, Reply reply) {
    uint64_t number = ++asked;
    waiting.emplace(number, std::move(reply));
    asio::post(control, [this, number, question = std::move(question)] {
      asio::post(io, [this, number, said = question()]() mutable {
        auto found = waiting.extract(number);
        if (found) found.mapped()(answer_of(std::move(said)));
      });
    });
  }
  void rpc(std::string request, Reply reply) {
    ask([this, request = std::move(request)] { return desk.rpc(request); }, std::move(reply));
  }
  static Reply text_to(HttpReply reply) {
    return [reply = std::move(reply)](Answer answer) { reply(std::move(answer.text)); };
  }
  static Answer answer_of(Answer answer) { return answer; }
  static Answer answer_of(std::string text) { return {std::move(text)}; }
  static Answer answer_of(const std::vector<prometheus::MetricFamily>& families) {
    return {prometheus::TextSerializer().Serialize(families)};
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

void Management::tell(std::string event) {
  asio::post(state_->io, [this, event = std::move(event)] { state_->socket.tell(event); });
}

void Management::stop() {
  state_->io.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace control::thread
