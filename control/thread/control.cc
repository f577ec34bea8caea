#include "control/thread/control.h"

#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <ctime>

#include "control/kernel/sockets.h"
#include "control/log/log.h"
#include "control/manage/rpc.h"
#include "control/manage/socket_server.h"
#include "control/store/token_key.h"

namespace control::thread {

namespace asio = boost::asio;
using manage::Json;
using manage::RpcError;

namespace {

constexpr auto kTick = std::chrono::milliseconds(5);
constexpr uint64_t kTicksOfASecond = 200;
constexpr int kErrorsOfATurn = 256;  // ICMP messages

std::string date(std::time_t when) {
  std::array<char, 64> text;
  std::tm parts{};
  gmtime_r(&when, &parts);
  return {text.data(), std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &parts)};
}

}  // namespace

struct Control::State {
  State(std::string path_, config::Settings settings_, link::Exchange& exchange_)
      : path(std::move(path_)),
        settings(std::move(settings_)),
        exchange(exchange_),
        slots(exchange_.destinations),
        signals(io, SIGTERM, SIGINT, SIGHUP),
        ticker(io),
        server(io, [this](std::string_view request) { return rpc.handle(request); }) {}

  // A sentence; empty: done.
  std::string publish(const config::Settings& wanted);
  // The errors; empty: the new configuration runs.
  std::vector<std::string> reload();
  void watch_signals();
  void watch_network();
  void watch_icmp(size_t which);
  void tick();
  void add_methods();
  uint64_t count(link::Count which) const;
  Json statistics(const Json& params) const;
  Json destinations() const;

  std::string path;
  config::Settings settings;
  link::Exchange& exchange;
  config::Slots slots;
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
  manage::Rpc rpc;
  manage::SocketServer server;
};

Control::Control(std::string path, config::Settings settings, link::Exchange& exchange)
    : state_(std::make_unique<State>(std::move(path), std::move(settings), exchange)) {}

Control::~Control() {
  for (auto& descriptor : state_->icmp_ready) descriptor.release();
  if (state_->netlink_ready) state_->netlink_ready->release();
}

std::string Control::start(std::vector<kernel::PortInterface> ports) {
  State& s = *state_;
  auto key = store::load_token_key(s.settings.state);
  if (auto* fault = std::get_if<std::string>(&key)) return *fault;
  s.keys = {std::get<sipcore::HashKey>(key), store::random_key()};
  std::string error;
  s.netlink = std::make_unique<kernel::Netlink>(std::move(ports), error);
  if (!error.empty()) return error;
  std::vector<kernel::SilentSockets::Address> listens;
  for (const auto& listen : s.settings.listens) {
    listens.push_back({listen.address, !s.settings.ports[listen.port].is_interface()});
  }
  if (auto fault = s.silent.open(listens); !fault.empty()) return fault;
  if (auto fault = s.icmp.open(); !fault.empty()) return fault;
  if (auto fault = s.server.open(s.settings.socket); !fault.empty()) return fault;
  auto hops = s.netlink->snapshot();
  if (hops == nullptr) return "the kernel's routes and neighbours cannot be read by netlink";
  s.exchange.hops.publish(std::move(hops));
  // The first call shall not wait for a neighbour: ask for those that the configuration names.
  for (const auto& group : s.settings.groups) {
    for (const auto& destination : group.destinations) s.netlink->resolve(destination.endpoint.ip);
  }
  s.add_methods();
  if (auto fault = s.publish(s.settings); !fault.empty()) return fault;
  s.watch_signals();
  s.watch_network();
  for (size_t i = 0; i < s.icmp.descriptors().size(); ++i) {
    s.icmp_ready.emplace_back(s.io, s.icmp.descriptors()[i]);
  }
  for (size_t i = 0; i < s.icmp_ready.size(); ++i) s.watch_icmp(i);
  s.tick();
  return {};
}

void Control::run() { state_->io.run(); }

void Control::State::watch_signals() {
  signals.async_wait([this](boost::system::error_code error, int number) {
    if (error) return;
    if (number != SIGHUP) {
      spdlog::info("stopping");
      io.stop();
      return;
    }
    reload();
    watch_signals();
  });
}

std::string Control::State::publish(const config::Settings& wanted) {
  auto next = config::build(wanted, keys, slots, exchange.config.read());
  if (next == nullptr) {
    return "with those that were removed and still have calls there are more destinations than "
           "destinations in [limits]";
  }
  exchange.config.publish(std::move(next));
  return {};
}

std::vector<std::string> Control::State::reload() {
  auto loaded = config::load(path);
  std::vector<std::string> errors;
  if (auto* faults = std::get_if<config::Errors>(&loaded)) {
    errors = faults->lines;
  } else {
    auto& wanted = std::get<config::Settings>(loaded);
    std::string fault = config::needs_restart(settings, wanted);
    if (fault.empty()) fault = publish(wanted);
    if (!fault.empty()) errors.push_back(path + ":1:1: " + fault);
    if (errors.empty()) settings = std::move(wanted);
  }
  for (const std::string& line : errors) spdlog::error("not reloaded: {}", line);
  if (!errors.empty()) return errors;
  log::change(settings.log_json, settings.log_level);
  for (const auto& group : settings.groups) {
    for (const auto& destination : group.destinations) netlink->resolve(destination.endpoint.ip);
  }
  spdlog::info("configuration reloaded from {}", path);
  return {};
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
      if (branch && branch->worker < exchange.workers) {
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
    while (mailbox->pop(message)) netlink->resolve(message.address);
  }
  if (network_changed) {
    auto hops = netlink->snapshot();
    network_changed = hops == nullptr;
    if (hops != nullptr) exchange.hops.publish(std::move(hops));
  }
  ++ticks;
  if (ticks % kTicksOfASecond == 0) netlink->allow_questions();
  if (ticks % (10 * kTicksOfASecond) == 0) netlink->refresh();
  exchange.quiescence.collect();
  ticker.expires_after(kTick);
  ticker.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

uint64_t Control::State::count(link::Count which) const {
  uint64_t total = 0;
  for (const auto& counters : exchange.counters) total += counters->read(which);
  return total;
}

// Kamailio's shape: an array of "group:name = value"; params name groups, or "all".
Json Control::State::statistics(const Json& params) const {
  Json out = Json::array();
  auto wanted = [&](std::string_view group) {
    if (params.is_null() || params.empty()) return true;
    for (const Json& one : params) {
      if (!one.is_string()) throw RpcError{400, "params are names of groups, or \"all\""};
      std::string name = one;
      if (name == "all" || name == std::string(group) + ":") return true;
    }
    return false;
  };
  for (size_t i = 0; i < static_cast<size_t>(link::Count::kCount); ++i) {
    link::Count which = static_cast<link::Count>(i);
    std::string_view group = which < link::Count::kFates     ? "fate"
                             : which < link::Count::kSentEnd ? "sent"
                                                             : "core";
    if (!wanted(group)) continue;
    out.push_back(fmt::format("{}:{} = {}", group, link::kCounterNames[i].name, count(which)));
  }
  if (wanted("tm")) {
    uint64_t current =
        count(link::Count::transactions_created) - count(link::Count::transactions_freed);
    uint64_t retired = count(link::Count::transactions_retired) - count(link::Count::retired_freed);
    out.push_back(fmt::format("tm:current = {}", current));
    out.push_back(fmt::format("tm:retired = {}", retired));
  }
  return out;
}

Json Control::State::destinations() const {
  Json records = Json::array();
  const link::RunningConfig* running = exchange.config.read();
  int id = 0;
  for (const link::Group& group : running->groups) {
    Json targets = Json::array();
    for (const link::Destination& one : group.destinations) {
      const auto& state = exchange.destinations.at(one.slot);
      targets.push_back({{"DEST",
                          {{"URI", one.uri},
                           {"FLAGS", state.admin == link::Admin::kEnabled ? "AX" : "DX"},
                           {"PRIORITY", one.priority},
                           {"ATTRS", {{"WEIGHT", one.weight}}},
                           {"CALLS", state.begun.load()},
                           {"ANSWERED", state.answered.load()},
                           {"FAILED", state.failed.load()}}}});
    }
    records.push_back({{"SET",
                        {{"ID", ++id},
                         {"NAME", group.name},
                         {"ALGORITHM", link::kAlgorithmNames[static_cast<size_t>(group.algorithm)]},
                         {"TARGETS", targets}}}});
  }
  return {{"NRSETS", records.size()}, {"RECORDS", records}};
}

void Control::State::add_methods() {
  rpc.add("core.uptime", "time since the start", [this](const Json&) -> Json {
    std::time_t now = std::time(nullptr);
    return {{"now", date(now)}, {"up_since", date(since)}, {"uptime", now - since}};
  });
  rpc.add("core.version", "version", [](const Json&) -> Json { return "tandem 0.1.0"; });
  rpc.add("stats.get_statistics", "counters", [this](const Json& p) { return statistics(p); });
  rpc.add("dispatcher.list", "groups and destinations",
          [this](const Json&) { return destinations(); });
  rpc.add("config.reload", "read the configuration file again", [this](const Json&) -> Json {
    std::vector<std::string> errors = reload();
    if (!errors.empty()) throw RpcError{500, fmt::format("{}", fmt::join(errors, "\n"))};
    return "reloaded";
  });
}

}  // namespace control::thread
