// Packets and ports of DPDK. A Packet lives in the private area of its mbuf, so that turning one
// into the other is arithmetic. Only the dpdk_* files of this folder know rte_*.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/link/mailbox.h"
#include "control/link/next_hop.h"
#include "control/link/port_figure.h"
#include "dataplane/io/port.h"

namespace dataplane {

struct DpdkPortOptions {
  std::string device;  // "af_xdp:IF", "af_packet:IF", "memif:SOCKET" or a PCI address
  std::string twin;    // name of the TAP that is its kernel twin, where the device is no interface
  bool verify_checksum = false;
};

struct DpdkOptions {
  std::vector<std::string> eal_arguments;  // passed on as they are
  std::vector<DpdkPortOptions> ports;
  std::vector<uint32_t> worker_cpus;
  bool hugepages = true;
  std::string xdp_program;  // path of the object file
  size_t packets = 16384;   // in the pool of small packets
  size_t large_packets = 256;
};

// The environment of DPDK: one per process, started once. Ports and pools belong to it.
class Dpdk {
 public:
  Dpdk();
  ~Dpdk();

  // On failure a sentence for the user; empty: everything runs.
  std::string start(const DpdkOptions& options);
  // Stops ports and cleans up; workers must have ended.
  void stop();

  // Ports as worker `id` sees them, by index of DpdkOptions::ports. A device with fewer queues than
  // there are workers is shared: those without a queue send by way of worker 0, and get what is
  // theirs by steering.
  std::vector<Port*> ports_of(size_t worker);
  // The kernel twins of those ports; nullptr where the port is an interface of the kernel itself.
  std::vector<Port*> twins_of(size_t worker);
  PacketPool& small_packets();
  PacketPool& large_packets();
  control::link::Mac mac(size_t port) const;
  const std::string& interface(size_t port) const;  // of the kernel: the port itself or its twin
  bool has_hugepages() const { return hugepages_; }
  // Of all pools and ports; good until stop().
  std::vector<control::link::PortFigure> figures() const;

  // Runs `body(worker)` on the core of each worker; returns when all have ended.
  void launch(void (*body)(void*, size_t), void* context);
  // Whether the caller is DPDK's own thread, on which drivers hear of their peers.
  static bool on_interrupt_thread();
  void wait();

 private:
  struct State;
  std::string start_eal(const DpdkOptions& options);
  std::string start_port(const DpdkOptions& options, size_t index);
  std::string start_twin(const DpdkOptions& options, size_t index);

  uint16_t workers() const;

  std::unique_ptr<State> state_;
  bool hugepages_ = false;
};

}  // namespace dataplane
