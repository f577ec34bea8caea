// tandem: reads the configuration, starts DPDK, the workers and the control thread, and stops them
// in the opposite order.
#include <pthread.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "control/config/restart.h"
#include "control/config/rule_sets.h"
#include "control/config/settings.h"
#include "control/link/clock.h"
#include "control/log/log.h"
#include "control/thread/control.h"
#include "dataplane/core/worker.h"
#include "dataplane/io/dpdk_port.h"
#include "dataplane/io/interface_hold.h"
#include "dataplane/io/unmap_wait.h"
#include "dataplane/io/xdp_listens.h"

namespace {

using control::config::Idle;
using control::config::Settings;
using control::link::now_us;

// What the worker threads need; they read `stop` each turn.
struct Workers {
  std::vector<std::unique_ptr<dataplane::Worker>> all;
  Idle idle = Idle::kPause;
  std::atomic<bool> stop{false};
};

constexpr size_t kQuietTurns = 256;  // turns without a packet before a worker rests

void rest(Idle idle) {
  if (idle == Idle::kPause) __builtin_ia32_pause();
  if (idle == Idle::kSleep) {
    timespec nap{0, 50000};
    nanosleep(&nap, nullptr);
  }
}

void run_worker(void* context, size_t id) {
  auto& workers = *static_cast<Workers*>(context);
  size_t quiet = 0;
  while (!workers.stop.load(std::memory_order_relaxed)) {
    quiet = workers.all[id]->poll(now_us()) > 0 ? 0 : quiet + 1;
    if (quiet > kQuietTurns) rest(workers.idle);
  }
}

int fail(const std::string& sentence) {
  std::fprintf(stderr, "tandem: %s\n", sentence.c_str());
  return 1;
}

std::vector<uint32_t> worker_cpus(const Settings& settings) {
  if (!settings.cpus.empty()) return settings.cpus;
  // The last CPUs of the machine, so that the first keeps the kernel's work and the control thread.
  uint32_t cpus = static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN));
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < settings.workers; ++i) out.push_back(cpus - 1 - i % cpus);
  return out;
}

// Whether workers poll on every CPU that the process may use.
bool take_every_cpu(const Settings& settings) {
  cpu_set_t ours;
  if (sched_getaffinity(0, sizeof ours, &ours) != 0) return false;
  for (uint32_t cpu : worker_cpus(settings)) {
    if (cpu < CPU_SETSIZE) CPU_CLR(cpu, &ours);
  }
  return CPU_COUNT(&ours) == 0;
}

// Where no CPU is left, the kernel's own threads (RCU, soft interrupts) would wait for seconds for
// workers that never sleep, and with them every process that ends.
Idle idle_of(const Settings& settings) {
  if (settings.idle == Idle::kSleep || !take_every_cpu(settings)) {
    return settings.idle == Idle::kAuto ? Idle::kPause : settings.idle;
  }
  if (settings.idle == Idle::kAuto) return Idle::kSleep;
  spdlog::warn(
      "workers never sleep and poll on every CPU: the kernel's threads starve; leave it one "
      "CPU, or set idle = \"auto\" in [node]");
  return settings.idle;
}

dataplane::DpdkOptions dpdk_options(const Settings& settings, const std::string& xdp_program) {
  dataplane::DpdkOptions options;
  std::istringstream words(settings.eal_arguments);
  for (std::string one; words >> one;) options.eal_arguments.push_back(one);
  for (const auto& port : settings.ports) {
    options.ports.push_back({port.device, port.twin, port.verify_checksum});
  }
  options.worker_cpus = worker_cpus(settings);
  options.hugepages = settings.hugepages;
  options.packets = settings.packets;
  options.xdp_program = xdp_program;
  return options;
}

std::string open_listens(const Settings& settings, const dataplane::Dpdk& dpdk) {
  for (size_t port = 0; port < settings.ports.size(); ++port) {
    if (!settings.ports[port].device.starts_with("af_xdp:")) continue;
    std::vector<sipcore::Endpoint> listens;
    for (const auto& listen : settings.listens) {
      if (listen.port == port) listens.push_back(listen.address);
    }
    std::string fault = dataplane::set_xdp_listens(dpdk.interface(port), listens);
    if (!fault.empty()) return fault;
  }
  return {};
}

// The interfaces that Tandem shares with the kernel, for this process alone.
std::string hold_interfaces(const Settings& settings,
                            std::vector<dataplane::InterfaceHold>& holds) {
  for (const auto& port : settings.ports) {
    if (!port.is_interface()) continue;
    std::string interface = port.device.substr(port.device.find(':') + 1);
    std::string fault = holds.emplace_back().take(interface);
    if (!fault.empty()) return fault;
    if (port.device.starts_with("af_xdp:")) dataplane::remove_left_program(interface);
  }
  return {};
}

int run(const std::string& path, const Settings& settings, const std::string& xdp_program) {
  // Signals are for the control thread's loop; the threads that DPDK makes inherit the mask.
  sigset_t handled;
  sigemptyset(&handled);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, number);
  pthread_sigmask(SIG_BLOCK, &handled, nullptr);

  std::vector<dataplane::InterfaceHold> holds;
  std::string fault = hold_interfaces(settings, holds);
  if (!fault.empty()) return fail(fault);
  Idle idle = idle_of(settings);  // before DPDK puts this thread on a CPU of its own
  dataplane::Dpdk dpdk;
  fault = dpdk.start(dpdk_options(settings, xdp_program));
  if (!fault.empty()) return fail(fault);
  if (settings.hugepages && !dpdk.has_hugepages()) {
    spdlog::warn(
        "not enough free hugepages: running on ordinary memory (--no-huge), which is "
        "slower; reserve some with vm.nr_hugepages, or set hugepages = false in [node]");
  }
  control::link::Exchange exchange(settings.workers, settings.destinations, settings.sources);
  exchange.port_figures = dpdk.figures();
  dataplane::Handover handover(settings.workers);
  Workers workers;
  workers.idle = idle;
  dataplane::ProxyLimits limits{settings.server_transactions, settings.client_transactions,
                                settings.retired_transactions, settings.stored_messages,
                                settings.calls};
  for (size_t id = 0; id < settings.workers; ++id) {
    workers.all.push_back(std::make_unique<dataplane::Worker>(
        id, exchange, handover, dpdk.ports_of(id), dpdk.twins_of(id),
        dataplane::Pools{&dpdk.small_packets(), &dpdk.large_packets()}, limits, now_us() / 1000));
  }
  control::thread::Control control(path, settings, exchange);
  std::vector<control::kernel::PortInterface> interfaces;
  for (size_t port = 0; port < settings.ports.size(); ++port) {
    interfaces.push_back({dpdk.interface(port), dpdk.mac(port)});
  }
  fault = control.start(interfaces);
  if (fault.empty()) fault = open_listens(settings, dpdk);
  if (fault.empty()) {
    dataplane::UnmapWait unmap_wait(exchange.quiescence, dataplane::Dpdk::on_interrupt_thread);
    dpdk.launch(run_worker, &workers);
    for (const auto& listen : settings.listens) {
      spdlog::info("listening on udp:{} through {}", sipcore::to_string(listen.address),
                   settings.ports[listen.port].device);
    }
    pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
    control.run();
    workers.stop = true;
    dpdk.wait();
  }
  workers.all.clear();
  dpdk.stop();
  return fault.empty() ? 0 : fail(fault);
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Tandem: SIP load balancer and stateful proxy");
  std::string path = "/etc/tandem/tandem.toml";
  std::string xdp_program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "redirect.bpf.o";
  bool check = false;
  app.add_option("-c,--config,config", path, "configuration file")->capture_default_str();
  app.add_option("--xdp-program", xdp_program, "XDP program for af_xdp ports");
  app.add_flag("--check", check, "only check the configuration");
  CLI11_PARSE(app, argc, argv);

  auto loaded = control::config::load(path);
  if (auto* errors = std::get_if<control::config::Errors>(&loaded)) {
    for (const std::string& line : errors->lines) std::fprintf(stderr, "%s\n", line.c_str());
    return 2;
  }
  const Settings& settings = std::get<Settings>(loaded);
  if (check) {
    if (auto fault = control::config::RuleSets(1).fault_of(settings); !fault.empty()) {
      std::fprintf(stderr, "%s\n", control::config::line_of({"rule", 0, "", fault}, path).c_str());
      return 2;
    }
    std::printf("%s: good\n", path.c_str());
    return 0;
  }
  control::log::start(settings.log_json, settings.log_level);
  return run(path, settings, xdp_program);
} catch (const std::exception& fault) {
  return fail(fault.what());
}
