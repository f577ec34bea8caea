#include "dataplane/io/dpdk_port.h"

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "dataplane/io/dpdk_packet.h"

namespace dataplane {
namespace {

constexpr uint16_t kRing = 2048;     // descriptors of a queue
constexpr size_t kRelayRoom = 4096;  // packets on their way to the worker that has the queue

// An af_packet port gets datagrams that the kernel has already joined from their fragments (DPDK
// asks for that when it sets up the ring), so that its frames must hold a whole one.
constexpr size_t kJoinedFrame = 65408;              // of the ring, its own header included
constexpr size_t kJoinedBlock = 32 * kJoinedFrame;  // whole pages that whole frames fill
constexpr size_t kJoinedFrames = 1024;              // of the ring, and as many packets to take them

using Relay = control::link::Mailbox<Packet*>;

// One queue pair of a device, for the worker that polls it.
class QueuePort : public Port {
 public:
  QueuePort(uint16_t device, uint16_t queue, uint32_t mtu, bool trust, MbufPool& pool)
      : device_(device), queue_(queue), mtu_(mtu), trust_(trust), pool_(pool) {}

  size_t receive(Packet** packets, size_t most) override {
    drain_relays();
    rte_mbuf* burst[kBurst];
    uint16_t count =
        rte_eth_rx_burst(device_, queue_, burst, static_cast<uint16_t>(std::min(most, kBurst)));
    // A jumbo frame that takes several buffers shows only its first one, and falls to the check of
    // the IP length.
    for (uint16_t i = 0; i < count; ++i) {
      bool good = (burst[i]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
      packets[i] = pool_.adopt(burst[i]);
      packets[i]->checksum_ok = trust_ || good;
    }
    return count;
  }

  size_t send(Packet** packets, size_t count) override {
    rte_mbuf* burst[kBurst];
    uint16_t some = static_cast<uint16_t>(std::min(count, kBurst));
    for (uint16_t i = 0; i < some; ++i) {
      burst[i] = mbuf_of(packets[i]);
      burst[i]->data_off = static_cast<uint16_t>(packets[i]->begin);
      burst[i]->data_len = static_cast<uint16_t>(packets[i]->size);
      burst[i]->pkt_len = packets[i]->size;
      burst[i]->ol_flags = 0;
    }
    return rte_eth_tx_burst(device_, queue_, burst, some);
  }

  uint32_t mtu() const override { return mtu_; }
  void add_relay(Relay* relay) { relays_.push_back(relay); }

 private:
  void drain_relays() {
    for (Relay* relay : relays_) {
      Packet* waiting[kBurst];
      size_t count = 0;
      while (count < kBurst && relay->pop(waiting[count])) ++count;
      size_t sent = count == 0 ? 0 : send(waiting, count);
      for (; sent < count; ++sent) release(waiting[sent]);
    }
  }

  uint16_t device_;
  uint16_t queue_;
  uint32_t mtu_;
  bool trust_;
  MbufPool& pool_;
  std::vector<Relay*> relays_;
};

// For a worker without a queue of its own.
class RelayPort : public Port {
 public:
  RelayPort(Relay& relay, uint32_t mtu) : relay_(relay), mtu_(mtu) {}
  size_t receive(Packet**, size_t) override { return 0; }
  size_t send(Packet** packets, size_t count) override {
    size_t sent = 0;
    while (sent < count && relay_.push(packets[sent])) ++sent;
    return sent;
  }
  uint32_t mtu() const override { return mtu_; }

 private:
  Relay& relay_;
  uint32_t mtu_;
};

std::string interface_of(const std::string& device) {
  bool kernel = device.starts_with("af_xdp:") || device.starts_with("af_packet:");
  return kernel ? device.substr(device.find(':') + 1) : std::string();
}

// The --vdev or --allow argument for a device of the configuration.
std::string device_argument(const DpdkPortOptions& port, size_t index, const std::string& program) {
  std::string rest = port.device.substr(port.device.find(':') + 1);
  std::string number = std::to_string(index);
  if (port.device.starts_with("af_xdp:")) {
    return "--vdev=net_af_xdp" + number + ",iface=" + rest + ",xdp_prog=" + program;
  }
  if (port.device.starts_with("af_packet:")) {
    return "--vdev=net_af_packet" + number + ",iface=" + rest +
           ",blocksz=" + std::to_string(kJoinedBlock) + ",framesz=" + std::to_string(kJoinedFrame) +
           ",framecnt=" + std::to_string(kJoinedFrames) + ",qdisc_bypass=0";
  }
  if (port.device.starts_with("memif:")) {
    return "--vdev=net_memif" + number +
           ",role=server,socket-abstract=no,bsize=2048,rsize=11,socket=" + rest;
  }
  return "--allow=" + port.device;
}

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

}  // namespace

struct Dpdk::State {
  struct Device {
    uint16_t id = 0;
    uint16_t queues = 1;
    uint32_t mtu = 1500;
    control::link::Mac mac{};
    std::string interface;
    bool started = false;
  };
  std::unique_ptr<MbufPool> small;
  std::unique_ptr<MbufPool> joined;  // only with an af_packet port
  std::unique_ptr<LargePool> large;
  std::vector<Device> devices;
  std::vector<std::vector<std::unique_ptr<Port>>> ports;  // by worker
  std::vector<std::unique_ptr<Relay>> relays;
  size_t workers = 0;
  bool eal = false;

  MbufPool& pool_of(const DpdkPortOptions& port) {
    return joins_fragments(port) ? *joined : *small;
  }
};

Dpdk::Dpdk() = default;
Dpdk::~Dpdk() { stop(); }

// The main lcore is the control thread, which is not bound to a core; workers are, one each.
std::string Dpdk::start_eal(const DpdkOptions& options) {
  size_t cpus = static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN));
  std::string lcores = "--lcores=0@(0-" + std::to_string(cpus - 1) + ")";
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
    std::string argument = device_argument(options.ports[i], i, options.xdp_program);
    pci |= argument.starts_with("--allow");
    arguments.push_back(argument);
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

std::string Dpdk::start_port(const DpdkOptions& options, size_t index) {
  const DpdkPortOptions& wanted = options.ports[index];
  State::Device& device = state_->devices[index];
  device.interface = interface_of(wanted.device);
  device.id = static_cast<uint16_t>(index);
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(device.id, &info) != 0) {
    return wanted.device + ": DPDK has no such port: does the interface exist, and is it up?";
  }
  size_t most = std::min<size_t>(info.max_rx_queues, info.max_tx_queues);
  if (!device.interface.empty()) most = 1;
  device.queues = static_cast<uint16_t>(std::clamp<size_t>(state_->workers, 1, most));
  rte_eth_conf conf{};
  if (rte_eth_dev_configure(device.id, device.queues, device.queues, &conf) != 0) {
    return wanted.device + ": cannot be set up with " + std::to_string(device.queues) + " queues";
  }
  MbufPool& pool = state_->pool_of(wanted);
  for (uint16_t queue = 0; queue < device.queues; ++queue) {
    if (rte_eth_rx_queue_setup(device.id, queue, kRing, 0, nullptr, pool.raw()) != 0 ||
        rte_eth_tx_queue_setup(device.id, queue, kRing, 0, nullptr) != 0) {
      return wanted.device + ": queue " + std::to_string(queue) +
             " cannot be set up; af_xdp needs "
             "CAP_NET_ADMIN, CAP_BPF and an interface without another XDP program";
    }
  }
  if (rte_eth_dev_start(device.id) != 0) return wanted.device + ": does not start";
  device.started = true;
  rte_ether_addr mac{};
  rte_eth_macaddr_get(device.id, &mac);
  std::copy(mac.addr_bytes, mac.addr_bytes + 6, device.mac.begin());
  uint16_t mtu = 1500;
  rte_eth_dev_get_mtu(device.id, &mtu);
  device.mtu = std::min<uint32_t>(mtu, kMostMtu);
  return {};
}

std::string Dpdk::start(const DpdkOptions& options) {
  state_ = std::make_unique<State>();
  state_->workers = options.worker_cpus.size();
  state_->devices.resize(options.ports.size());
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
  for (size_t index = 0; index < options.ports.size(); ++index) {
    fault = start_port(options, index);
    if (!fault.empty()) return fault;
    const State::Device& device = state_->devices[index];
    bool trust = !options.ports[index].verify_checksum;
    MbufPool& pool = state_->pool_of(options.ports[index]);
    QueuePort* first = nullptr;
    for (size_t worker = 0; worker < state_->workers; ++worker) {
      auto& mine = state_->ports[worker];
      if (worker < device.queues) {
        auto port = std::make_unique<QueuePort>(device.id, static_cast<uint16_t>(worker),
                                                device.mtu, trust, pool);
        if (first == nullptr) first = port.get();
        mine.push_back(std::move(port));
      } else {
        state_->relays.push_back(std::make_unique<Relay>(kRelayRoom));
        first->add_relay(state_->relays.back().get());
        mine.push_back(std::make_unique<RelayPort>(*state_->relays.back(), device.mtu));
      }
    }
  }
  return {};
}

void Dpdk::stop() {
  if (state_ == nullptr) return;
  for (State::Device& device : state_->devices) {
    if (!device.started) continue;
    rte_eth_dev_stop(device.id);
    rte_eth_dev_close(device.id);
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

PacketPool& Dpdk::small_packets() { return *state_->small; }
PacketPool& Dpdk::large_packets() { return *state_->large; }
control::link::Mac Dpdk::mac(size_t port) const { return state_->devices[port].mac; }
const std::string& Dpdk::interface(size_t port) const { return state_->devices[port].interface; }

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

void Dpdk::launch(void (*body)(void*, size_t), void* context) {
  launch_now = {body, context};
  rte_eal_mp_remote_launch(run_worker, nullptr, SKIP_MAIN);
}

void Dpdk::wait() { rte_eal_mp_wait_lcore(); }

}  // namespace dataplane
