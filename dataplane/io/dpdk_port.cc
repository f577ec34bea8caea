#include "dataplane/io/dpdk_port.h"

#include <rte_interrupts.h>
#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "dataplane/io/dpdk_figures.h"
#include "dataplane/io/dpdk_packet.h"
#include "dataplane/io/dpdk_queue.h"

namespace dataplane {
namespace {

constexpr uint16_t kRing = 2048;     // descriptors of a queue
constexpr size_t kRelayRoom = 4096;  // packets on their way to the worker that has the queue

// An af_packet port gets datagrams that the kernel has already joined from their fragments (DPDK
// asks for that when it sets up the ring), so that its frames must hold a whole one.
constexpr size_t kJoinedFrame = 65408;              // of the ring, its own header included
constexpr size_t kJoinedBlock = 32 * kJoinedFrame;  // whole pages that whole frames fill
constexpr size_t kJoinedFrames = 1024;              // of the ring, and as many packets to take them

bool is_kernel_interface(const std::string& device) {
  return device.starts_with("af_xdp:") || device.starts_with("af_packet:");
}

std::string behind_colon(const std::string& device) { return device.substr(device.find(':') + 1); }

// The receive queues that the kernel has for an interface.
uint16_t queues_of(const std::string& interface) {
  std::error_code error;
  uint16_t count = 0;
  std::filesystem::directory_iterator queues("/sys/class/net/" + interface + "/queues", error);
  if (error) return 1;
  for (const auto& queue : queues) count += queue.path().filename().string().starts_with("rx-");
  return std::max<uint16_t>(count, 1);
}

// What DPDK calls the device, and the argument that makes it.
struct DeviceName {
  std::string name;
  std::string argument;
};

DeviceName device_name(const DpdkPortOptions& port, size_t index, const std::string& program) {
  std::string rest = behind_colon(port.device), number = std::to_string(index);
  if (port.device.starts_with("af_xdp:")) {
    std::string name = "net_af_xdp" + number;
    return {name, "--vdev=" + name + ",iface=" + rest + ",xdp_prog=" + program +
                      ",queue_count=" + std::to_string(queues_of(rest))};
  }
  if (port.device.starts_with("af_packet:")) {
    std::string name = "net_af_packet" + number;
    return {name, "--vdev=" + name + ",iface=" + rest + ",blocksz=" + std::to_string(kJoinedBlock) +
                      ",framesz=" + std::to_string(kJoinedFrame) +
                      ",framecnt=" + std::to_string(kJoinedFrames) + ",qdisc_bypass=0"};
  }
  if (port.device.starts_with("memif:")) {
    std::string name = "net_memif" + number;
    return {name, "--vdev=" + name +
                      ",role=server,socket-abstract=no,bsize=2048,rsize=11,socket=" + rest};
  }
  return {port.device, "--allow=" + port.device};
}

std::string twin_name(size_t index) { return "net_tap" + std::to_string(index); }

bool joins_fragments(const DpdkPortOptions& port) { return port.device.starts_with("af_packet:"); }

bool has_joined_frames(const DpdkOptions& options) {
  return std::any_of(options.ports.begin(), options.ports.end(), joins_fragments);
}

size_t free_hugepages() {
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  size_t pages = 0;
  file >> pages;
  return pages;
}

// The CPUs of the control thread, as EAL lists them: of those we may use the ones that no worker
// polls on, because it would take a worker's time there; all of them where each has a worker.
std::string control_cpus(const std::vector<uint32_t>& worker_cpus, size_t cpus) {
  cpu_set_t ours;
  bool known = sched_getaffinity(0, sizeof ours, &ours) == 0;
  std::string free, all;
  for (size_t cpu = 0; cpu < cpus; ++cpu) {
    if (known && cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &ours)) continue;
    std::string number = std::to_string(cpu);
    all += (all.empty() ? "" : ",") + number;
    bool taken = std::find(worker_cpus.begin(), worker_cpus.end(), cpu) != worker_cpus.end();
    if (!taken) free += (free.empty() ? "" : ",") + number;
  }
  return free.empty() ? all : free;
}

}  // namespace

struct Dpdk::State {
  struct Device {
    uint16_t id = RTE_MAX_ETHPORTS;
    std::string name;  // as the configuration says it
    uint16_t queues = 1;
    uint32_t mtu = 1500;
    control::link::Mac mac{};
    std::string interface;
    bool started = false;
  };
  std::unique_ptr<MbufPool> small;
  std::unique_ptr<MbufPool> joined;  // only with an af_packet port
  std::unique_ptr<LargePool> large;
  std::vector<Device> devices;                            // by index of the ports
  std::vector<Device> taps;                               // their twins, not all of them in use
  std::vector<std::vector<std::unique_ptr<Port>>> ports;  // by worker
  std::vector<std::vector<std::unique_ptr<Port>>> twins;  // by worker; nullptr: none
  std::vector<std::unique_ptr<Relay>> relays;
  size_t workers = 0;
  bool eal = false;

  MbufPool& pool_of(const DpdkPortOptions& port) {
    return joins_fragments(port) ? *joined : *small;
  }
  std::string set_up(Device& device, const std::string& name, MbufPool& pool);
  std::vector<std::unique_ptr<Port>> share(const Device& device, bool trust, MbufPool& pool);
};

Dpdk::Dpdk() = default;
Dpdk::~Dpdk() { stop(); }

uint16_t Dpdk::workers() const { return static_cast<uint16_t>(state_->workers); }

// The main lcore is the control thread; workers have a core each.
std::string Dpdk::start_eal(const DpdkOptions& options) {
  size_t cpus = static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN));
  std::string lcores = "--lcores=0@(" + control_cpus(options.worker_cpus, cpus) + ")";
  for (size_t i = 0; i < options.worker_cpus.size(); ++i) {
    if (options.worker_cpus[i] >= cpus) {
      return "worker " + std::to_string(i) + " is to run on CPU " +
             std::to_string(options.worker_cpus[i]) + ", but this machine has only " +
             std::to_string(cpus);
    }
    lcores += "," + std::to_string(i + 1) + "@" + std::to_string(options.worker_cpus[i]);
  }
  size_t joined = has_joined_frames(options) ? kJoinedFrames : 0;
  size_t wanted_mb =
      (options.packets * 2560 + (options.large_packets + joined) * 66000) / 1000000 + 64;
  hugepages_ = options.hugepages && free_hugepages() * 2 >= wanted_mb;
  std::vector<std::string> arguments = {"tandem",
                                        lcores,
                                        "--no-telemetry",
                                        "--log-level=lib.eal:error",
                                        "--log-level=pmd:error",
                                        "--file-prefix=tandem" + std::to_string(getpid())};
  if (hugepages_) {
    arguments.insert(arguments.end(), {"--in-memory", "-m", std::to_string(wanted_mb)});
  } else {
    arguments.insert(arguments.end(),
                     {"--no-huge", "--no-shconf", "-m", std::to_string(wanted_mb)});
  }
  bool pci = false;
  for (size_t i = 0; i < options.ports.size(); ++i) {
    const DpdkPortOptions& port = options.ports[i];
    std::string argument = device_name(port, i, options.xdp_program).argument;
    pci |= argument.starts_with("--allow");
    arguments.push_back(argument);
    if (is_kernel_interface(port.device)) continue;
    arguments.push_back("--vdev=" + twin_name(i) + ",iface=" + port.twin);
  }
  if (!pci) arguments.push_back("--no-pci");
  arguments.insert(arguments.end(), options.eal_arguments.begin(), options.eal_arguments.end());
  std::vector<char*> argv;
  argv.reserve(arguments.size());
  for (std::string& one : arguments) argv.push_back(one.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    return std::string("DPDK does not start: ") + rte_strerror(rte_errno);
  }
  state_->eal = true;
  return {};
}

// Configures and starts a device with `device.queues` queue pairs. Empty: it runs.
std::string Dpdk::State::set_up(Device& device, const std::string& name, MbufPool& pool) {
  if (rte_eth_dev_get_port_by_name(name.c_str(), &device.id) != 0) {
    return "DPDK has no such port: does it exist, is it up, and, where it has several receive "
           "queues, "
           "does its driver give them all to AF_XDP? Else leave it one: ethtool -L IF combined 1";
  }
  rte_eth_conf conf{};
  if (rte_eth_dev_configure(device.id, device.queues, device.queues, &conf) != 0) {
    return "cannot be set up with " + std::to_string(device.queues) + " queues";
  }
  for (uint16_t queue = 0; queue < device.queues; ++queue) {
    if (rte_eth_rx_queue_setup(device.id, queue, kRing, 0, nullptr, pool.raw()) != 0 ||
        rte_eth_tx_queue_setup(device.id, queue, kRing, 0, nullptr) != 0) {
      return "queue " + std::to_string(queue) +
             " cannot be set up; af_xdp needs CAP_NET_ADMIN, CAP_BPF and an interface without "
             "another XDP program";
    }
  }
  if (rte_eth_dev_start(device.id) != 0) return "does not start";
  device.started = true;
  rte_ether_addr mac{};
  rte_eth_macaddr_get(device.id, &mac);
  std::copy(mac.addr_bytes, mac.addr_bytes + 6, device.mac.begin());
  uint16_t mtu = 1500;
  rte_eth_dev_get_mtu(device.id, &mtu);
  device.mtu = std::min<uint32_t>(mtu, kMostMtu);
  return {};
}

// One port for each worker. Queues are dealt out to the workers; a worker that gets none sends by
// way of the first.
std::vector<std::unique_ptr<Port>> Dpdk::State::share(const Device& device, bool trust,
                                                      MbufPool& pool) {
  std::vector<std::unique_ptr<Port>> out;
  QueuePort* first = nullptr;
  for (size_t worker = 0; worker < workers; ++worker) {
    std::vector<uint16_t> mine;
    for (size_t queue = worker; queue < device.queues; queue += workers) {
      mine.push_back(static_cast<uint16_t>(queue));
    }
    if (!mine.empty()) {
      auto port = std::make_unique<QueuePort>(device.id, mine, device.mtu, trust, pool);
      if (first == nullptr) first = port.get();
      out.push_back(std::move(port));
      continue;
    }
    relays.push_back(std::make_unique<Relay>(kRelayRoom));
    first->add_relay(relays.back().get());
    out.push_back(std::make_unique<RelayPort>(*relays.back(), device.mtu));
  }
  return out;
}

std::string Dpdk::start_port(const DpdkOptions& options, size_t index) {
  const DpdkPortOptions& wanted = options.ports[index];
  State::Device& device = state_->devices[index];
  bool kernel = is_kernel_interface(wanted.device);
  device.name = wanted.device;
  device.interface = kernel ? behind_colon(wanted.device) : wanted.twin;
  std::string name = device_name(wanted, index, options.xdp_program).name;
  rte_eth_dev_info info{};
  uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) rte_eth_dev_info_get(id, &info);
  uint16_t most = std::max<uint16_t>(std::min(info.max_rx_queues, info.max_tx_queues), 1);
  // An af_xdp port must have all queues of the interface: what comes by another one is lost to us.
  // How many rings a memif has its client decides, who knows nothing of our workers: one.
  bool one_queue = kernel || wanted.device.starts_with("memif:");
  device.queues = wanted.device.starts_with("af_xdp:") ? queues_of(device.interface)
                  : one_queue                          ? uint16_t{1}
                                                       : std::min<uint16_t>(most, workers());
  std::string fault = state_->set_up(device, name, state_->pool_of(wanted));
  if (!fault.empty()) return wanted.device + ": " + fault;
  auto ports = state_->share(device, !wanted.verify_checksum, state_->pool_of(wanted));
  for (size_t worker = 0; worker < state_->workers; ++worker) {
    state_->ports[worker].push_back(std::move(ports[worker]));
  }
  return kernel ? std::string() : start_twin(options, index);
}

// The TAP has the MAC of its port, so that the kernel's answers to ARP name the port.
std::string Dpdk::start_twin(const DpdkOptions& options, size_t index) {
  State::Device& tap = state_->taps[index];
  tap.queues = workers();
  std::string fault = state_->set_up(tap, twin_name(index), *state_->small);
  rte_ether_addr mac{};
  std::copy_n(state_->devices[index].mac.begin(), 6, mac.addr_bytes);
  if (fault.empty() && rte_eth_dev_default_mac_addr_set(tap.id, &mac) != 0) {
    fault = "does not take the MAC address of its port";
  }
  if (!fault.empty()) return "kernel twin " + options.ports[index].twin + ": " + fault;
  auto ports = state_->share(tap, true, *state_->small);
  for (size_t worker = 0; worker < state_->workers; ++worker) {
    state_->twins[worker][index] = std::move(ports[worker]);
  }
  return {};
}

std::string Dpdk::start(const DpdkOptions& options) {
  state_ = std::make_unique<State>();
  state_->workers = options.worker_cpus.size();
  state_->devices.resize(options.ports.size());
  state_->taps.resize(options.ports.size());
  std::string fault = start_eal(options);
  if (!fault.empty()) return fault;
  state_->small = std::make_unique<MbufPool>("tandem_small", options.packets, kSmallPacket);
  state_->large = std::make_unique<LargePool>(options.large_packets);
  bool enough = state_->small->raw() != nullptr && state_->large->raw() != nullptr;
  if (has_joined_frames(options)) {
    state_->joined = std::make_unique<MbufPool>("tandem_joined", kJoinedFrames, kMostMbuf);
    enough &= state_->joined->raw() != nullptr;
  }
  if (!enough) {
    return "no memory for " + std::to_string(options.packets) +
           " packets: lower packets in [limits], or reserve hugepages (vm.nr_hugepages)";
  }
  state_->ports.resize(state_->workers);
  state_->twins.resize(state_->workers);
  for (auto& twins : state_->twins) twins.resize(options.ports.size());
  for (size_t index = 0; index < options.ports.size(); ++index) {
    fault = start_port(options, index);
    if (!fault.empty()) return fault;
  }
  return {};
}

void Dpdk::stop() {
  if (state_ == nullptr) return;
  state_->ports.clear();
  state_->twins.clear();
  for (auto* devices : {&state_->taps, &state_->devices}) {
    for (State::Device& device : *devices) {
      if (!device.started) continue;
      rte_eth_dev_stop(device.id);
      rte_eth_dev_close(device.id);
    }
  }
  bool eal = state_->eal;
  state_.reset();
  if (eal) rte_eal_cleanup();
}

std::vector<Port*> Dpdk::ports_of(size_t worker) {
  std::vector<Port*> out;
  for (auto& port : state_->ports[worker]) out.push_back(port.get());
  return out;
}

std::vector<Port*> Dpdk::twins_of(size_t worker) {
  std::vector<Port*> out;
  for (auto& port : state_->twins[worker]) out.push_back(port.get());
  return out;
}

PacketPool& Dpdk::small_packets() { return *state_->small; }
PacketPool& Dpdk::large_packets() { return *state_->large; }
control::link::Mac Dpdk::mac(size_t port) const { return state_->devices[port].mac; }
const std::string& Dpdk::interface(size_t port) const { return state_->devices[port].interface; }

std::vector<control::link::PortFigure> Dpdk::figures() const {
  std::vector<control::link::PortFigure> out;
  add_pool_figures("small", state_->small->raw(), out);
  add_pool_figures("large", state_->large->raw(), out);
  if (state_->joined) add_pool_figures("joined", state_->joined->raw(), out);
  for (const State::Device& one : state_->devices) add_port_figures(one.name, one.id, out);
  return out;
}

namespace {
struct Launch {
  void (*body)(void*, size_t);
  void* context;
};
Launch launch_now;  // set before the workers start, read by them

int run_worker(void*) {
  launch_now.body(launch_now.context, rte_lcore_id() - 1);
  return 0;
}
}  // namespace

bool Dpdk::on_interrupt_thread() { return rte_thread_is_intr() != 0; }

void Dpdk::launch(void (*body)(void*, size_t), void* context) {
  launch_now = {body, context};
  rte_eal_mp_remote_launch(run_worker, nullptr, SKIP_MAIN);
}

void Dpdk::wait() { rte_eal_mp_wait_lcore(); }

}  // namespace dataplane
