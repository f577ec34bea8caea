#include "control/thread/control.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "control/config/live.h"
#include "control/health/health.h"
#include "control/kernel/sockets.h"
#include "control/link/clock.h"
#include "control/log/log.h"
#include "control/manage/ban_methods.h"
#include "control/manage/dispatcher.h"
#include "control/manage/edit_methods.h"
#include "control/manage/metrics.h"
#include "control/manage/overview.h"
#include "control/manage/rpc.h"
#include "control/manage/rule_methods.h"
#include "control/manage/trace_methods.h"
#include "control/manage/version.h"
#include "control/manage/statistics.h"
#include "control/protect/guard.h"
#include "control/resolve/names.h"
#include "control/store/token_key.h"
#include "control/thread/management.h"
#include "control/thread/notify.h"
#include "control/trace/recorder.h"

namespace control::thread {

namespace asio = boost::asio;
using link::now_us;
using manage::Json;
using manage::RpcError;

namespace {

constexpr auto kTick = std::chrono::milliseconds(5);
constexpr uint64_t kTicksOfASecond = 200;
constexpr int kErrorsOfATurn = 256;    // ICMP messages
constexpr int kMessagesOfATurn = 512;  // of one worker
constexpr int kRuleLinesOfASecond = 100;
constexpr uint64_t kStandsStillMs = 1000;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string date(std::time_t when) {
  std::array<char, 64> text;
  std::tm parts{};
  gmtime_r(&when, &parts);
  return {text.data(), std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &parts)};
}

// Since 1970.
uint64_t date_us() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

// Of the week, from Monday 0:00.
uint32_t local_minute(std::time_t when) {
  std::tm parts{};
  localtime_r(&when, &parts);
  return static_cast<uint32_t>(((parts.tm_wday + 6) % 7 * 24 + parts.tm_hour) * 60 + parts.tm_min);
}

}  // namespace

struct Control::State {
  State(std::string path, config::Settings settings_, link::Exchange& exchange_)
      : exchange(exchange_),
        live(std::move(path), std::move(settings_), exchange_),
        health(exchange_, store::random_key().low),
        dispatcher(live, health, exchange_, now_us),
        edit_methods(live, exchange_),
        guard(exchange_, live.settings().state),
        names(config::families(live.settings()), live.settings().state + "/names"),
        signals(io, SIGTERM, SIGINT, SIGHUP),
        ticker(io),
        overview(live, exchange),
        recorder(exchange),
        management(io, {[this](const std::string& request) { return rpc.answer(request); },
                        [this] { return manage::text_of(rpc.run("core.overview", nullptr)); },
                        [this] { return metrics(); },
                        [this] { return stuck ? "a worker stands still" : ""; }}) {}

  // The errors; empty: the new configuration runs.
  std::vector<std::string> reload();
  void watch_signals();
  void watch_network();
  void watch_icmp(size_t which);
  void tick();
  void add_methods();
  std::vector<prometheus::MetricFamily> metrics() const;
  void after_publish();
  void watch_workers();
  void log_rule(const link::ToControl& message);

  link::Exchange& exchange;
  config::Live live;
  health::Health health;
  manage::Dispatcher dispatcher;
  manage::EditMethods edit_methods;
  protect::Guard guard;
  resolve::Names names;
  link::Keys keys;
  std::time_t since = std::time(nullptr);
  bool network_changed = false;
  uint64_t ticks = 0;

  asio::io_context io;
  asio::signal_set signals;
  asio::steady_timer ticker;
  std::unique_ptr<kernel::Netlink> netlink;
  std::unique_ptr<asio::posix::stream_descriptor> netlink_ready;
  kernel::SilentSockets silent;
  kernel::IcmpSockets icmp;
  std::vector<asio::posix::stream_descriptor> icmp_ready;
  Notify notify{environment("NOTIFY_SOCKET")};
  bool stuck = false;  // a worker, and it has been said
  int rule_lines = 0;  // in this second
  manage::Rpc rpc;
  manage::Overview overview;
  trace::Recorder recorder;
  Management management;
};

Control::Control(std::string path, config::Settings settings, link::Exchange& exchange)
    : state_(std::make_unique<State>(std::move(path), std::move(settings), exchange)) {}

Control::~Control() {
  for (auto& descriptor : state_->icmp_ready) descriptor.release();
  if (state_->netlink_ready) state_->netlink_ready->release();
}

std::string Control::start(std::vector<kernel::PortInterface> ports) {
  State& s = *state_;
  auto key = store::load_token_key(s.live.settings().state);
  if (auto* fault = std::get_if<std::string>(&key)) return *fault;
  s.keys = {std::get<sipcore::HashKey>(key), store::random_key()};
  std::string error;
  s.netlink = std::make_unique<kernel::Netlink>(std::move(ports), error);
  if (!error.empty()) return error;
  std::vector<kernel::SilentSockets::Address> listens;
  for (const auto& listen : s.live.settings().listens) {
    listens.push_back({listen.address, !s.live.settings().ports[listen.port].is_interface()});
  }
  if (auto fault = s.silent.open(listens); !fault.empty()) return fault;
  if (auto fault = s.icmp.open(); !fault.empty()) return fault;
  auto hops = s.netlink->snapshot();
  if (hops == nullptr) return "the kernel's routes and neighbours cannot be read by netlink";
  s.exchange.hops.publish(std::move(hops));
  s.add_methods();
  s.health.watch().on_change = [&s](const health::Change& change) {
    spdlog::warn("{} of {}: {} -> {}, {} calls", change.uri, change.group, word(change.from),
                 word(change.to), change.calls);
    s.management.tell(manage::Rpc::notification("dispatcher.event", manage::json_of(change)));
  };
  if (auto fault = s.names.open(s.live.settings().name_servers); !fault.empty()) return fault;
  s.live.members = [&s](const resolve::HostName& name) -> const std::vector<resolve::Member>& {
    return s.names.members(name);
  };
  s.live.on_publish = [&s] { s.after_publish(); };
  s.names.on_change = [&s] {
    if (auto fault = s.live.refresh(); !fault.empty()) spdlog::error("names: {}", fault);
  };
  if (auto fault = s.guard.start(s.keys.token, now_us() / 1000000); !fault.empty()) return fault;
  if (auto fault = s.live.start(s.keys); !fault.empty()) return fault;
  s.exchange.minute_of_week = local_minute(std::time(nullptr));
  s.watch_signals();
  s.watch_network();
  for (size_t i = 0; i < s.icmp.descriptors().size(); ++i) {
    s.icmp_ready.emplace_back(s.io, s.icmp.descriptors()[i]);
  }
  for (size_t i = 0; i < s.icmp_ready.size(); ++i) s.watch_icmp(i);
  if (auto fault = s.management.start(s.live.settings().management); !fault.empty()) return fault;
  s.tick();
  return {};
}

void Control::run() {
  state_->notify.ready();
  state_->io.run();
  state_->management.stop();
}

void Control::State::watch_signals() {
  signals.async_wait([this](boost::system::error_code error, int number) {
    if (error) return;
    if (number != SIGHUP) {
      spdlog::info("stopping");
      notify.stopping();
      io.stop();
      return;
    }
    reload();
    watch_signals();
  });
}

std::vector<std::string> Control::State::reload() {
  notify.reloading(now_us());
  std::vector<std::string> errors = live.reload();
  notify.ready();
  for (const std::string& line : errors) spdlog::error("not reloaded: {}", line);
  if (!errors.empty()) return errors;
  log::change(live.settings().log_json, live.settings().log_level);
  management.allow(live.settings().management);
  spdlog::info("configuration reloaded from {}", live.path());
  return {};
}

void Control::State::after_publish() {
  health.configure(now_us());
  guard.configure(live.settings());
  const config::Settings& settings = live.settings();
  auto fault = recorder.send_to(settings.hep, settings.hep_node);
  if (!fault.empty()) spdlog::error("{}", fault);
  names.want(live.names(), now_us() / 1000);
  // The first call shall not wait for a neighbour.
  for (const link::Group& group : exchange.config.read()->groups) {
    for (const link::Destination& one : group.destinations) netlink->resolve(one.endpoint.ip);
  }
}

void Control::State::watch_network() {
  if (!netlink_ready) {
    netlink_ready = std::make_unique<asio::posix::stream_descriptor>(io, netlink->descriptor());
  }
  netlink_ready->async_wait(asio::posix::stream_descriptor::wait_read,
                            [this](boost::system::error_code error) {
                              if (error) return;
                              network_changed |= netlink->read_changes();
                              watch_network();
                            });
}

void Control::State::watch_icmp(size_t which) {
  icmp_ready[which].async_wait(asio::posix::stream_descriptor::wait_read, [this,
                                                                           which](boost::system::
                                                                                      error_code
                                                                                          error) {
    if (error) return;
    std::array<char, 2048> packet;
    int fd = icmp.descriptors()[which];
    const sipcore::HashKey& key = keys.branch;
    auto family = which == 0 ? sipcore::Family::kV4 : sipcore::Family::kV6;
    ssize_t size;
    // The rest of a flood waits for the next turn.
    for (int i = 0; i < kErrorsOfATurn; ++i) {
      size = recv(fd, packet.data(), packet.size(), 0);
      if (size <= 0) break;
      auto branch = kernel::quoted_branch({packet.data(), static_cast<size_t>(size)}, family, key);
      if (branch && branch->worker == sipcore::kProbeWorker) {
        health.unreachable(*branch, now_us());
      } else if (branch && branch->worker < exchange.workers) {
        exchange.to_worker[branch->worker]->push({link::ToWorker::What::kUnreachable, *branch});
      }
    }
    watch_icmp(which);
  });
}

// What waits in mailboxes and for quiescence. Neighbours are published at most once per tick
// however fast they change.
void Control::State::tick() {
  link::ToControl message;
  for (auto& mailbox : exchange.to_control) {
    // A flood of them waits for the next turn.
    for (int i = 0; i < kMessagesOfATurn && mailbox->pop(message); ++i) {
      if (message.what == link::ToControl::What::kProbeAnswered) {
        health.answered(message);
      } else if (message.what == link::ToControl::What::kBan) {
        guard.found_out(message, now_us() / 1000000);
      } else if (message.what == link::ToControl::What::kRule) {
        log_rule(message);
      } else {
        netlink->resolve(message.address);
      }
    }
  }
  if (network_changed) {
    auto hops = netlink->snapshot();
    network_changed = hops == nullptr;
    if (hops != nullptr) exchange.hops.publish(std::move(hops));
  }
  recorder.tick(now_us(), date_us());
  health.tick(now_us());
  names.tick(now_us() / 1000);
  ++ticks;
  if (ticks % kTicksOfASecond == 0) {
    netlink->allow_questions();
    guard.tick(now_us() / 1000000);
    watch_workers();
    if (rule_lines > kRuleLinesOfASecond) {
      spdlog::warn("rules: {} lines in a second are not here", rule_lines - kRuleLinesOfASecond);
    }
    rule_lines = 0;
    overview.tick(now_us());
    exchange.minute_of_week = local_minute(std::time(nullptr));
  }
  if (ticks % (10 * kTicksOfASecond) == 0) netlink->refresh();
  exchange.quiescence.collect();
  ticker.expires_after(kTick);
  ticker.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

// What a flood matches is said a hundred times a second, and then how often it was not said.
void Control::State::log_rule(const link::ToControl& message) {
  if (++rule_lines > kRuleLinesOfASecond) return;
  spdlog::info("{}: {}", live.rule_sets().name_of(message.rule),
               link::to_string(link::network_of(message.address)));
}

// The service manager restarts us when it does not hear that all is well for too long.
void Control::State::watch_workers() {
  bool alive = exchange.all_alive(now_us() / 1000, kStandsStillMs);
  if (alive) notify.alive();
  if (!alive && !stuck) spdlog::error("a worker stands still");
  stuck = !alive;
}

std::vector<prometheus::MetricFamily> Control::State::metrics() const {
  manage::Clock clock{now_us() / 1000, static_cast<uint64_t>(std::time(nullptr) - since),
                      guard.bans().all().size()};
  return manage::metrics(exchange, live, health.watch(), clock);
}

void Control::State::add_methods() {
  rpc.add("core.uptime", "time since the start", [this](const Json&) -> Json {
    std::time_t now = std::time(nullptr);
    return {{"now", date(now)}, {"up_since", date(since)}, {"uptime", now - since}};
  });
  rpc.add("core.version", "version",
          [](const Json&) -> Json { return std::string("tandem ") + manage::kVersion; });
  rpc.add("log.level", "what the log says: [debug, info, warning or error], until a reload",
          [this](const Json& params) -> Json {
            if (params.is_array() && !params.empty()) {
              const auto& all = log::kLevels;
              std::string wanted = params[0].is_string() ? params[0].get<std::string>() : "";
              bool known = std::find(std::begin(all), std::end(all), wanted) != std::end(all);
              if (!known) throw RpcError{400, "debug, info, warning or error"};
              log::change(live.settings().log_json, wanted);
            }
            return log::level();
          });
  manage::add_statistics(rpc, exchange);
  dispatcher.add_methods(rpc);
  edit_methods.add_methods(rpc);
  manage::add_ban_methods(rpc, guard, now_us);
  manage::add_rule_methods(rpc, live, exchange, now_us);
  overview.add_method(rpc, since);
  manage::add_trace_methods(rpc, recorder, now_us);
  for (const char* name : {"config.reload", "dispatcher.reload"}) {
    rpc.add(name, "read the configuration file again", [this](const Json&) -> Json {
      auto errors = reload();
      if (!errors.empty()) throw RpcError{500, fmt::format("{}", fmt::join(errors, "\n"))};
      return "reloaded";
    });
  }
}

}  // namespace control::thread
