// A whole Tandem node in one thread: workers over in-memory ports, time given by the caller.
// Messages go in and come out as UDP payloads; the packets in between are real Ethernet frames.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/core/worker.h"
#include "dataplane/io/memory_port.h"

namespace tests {

struct Datagram {
  sipcore::Endpoint from, to;
  std::string bytes;
};

inline const char* const kListen = "198.18.0.1:5060";
inline const char* const kSecondListen = "198.19.0.1:5060";
inline const char* const kListen6 = "[2001:db8:18::1]:5060";

struct NodeOptions {
  std::string listen = kListen;
  size_t workers = 1;
  size_t backends = 3;
  control::link::Algorithm algorithm = control::link::Algorithm::kHash;
  dataplane::ProxyLimits limits{2048, 4096, 4096, 2048, 2048};
  size_t packets = 4096;
  bool poison = true;           // packets that nobody holds; costs time
  bool kernel_twin = false;     // the port is no kernel interface and has a twin
  bool second_network = false;  // a second port, with 198.19.0.0/24 behind it and a listen address
  bool both_families = false;   // listens on IPv6 as well
};

sipcore::Endpoint endpoint(const std::string& text);
// Backend i, from 0: 198.18.0.(21+i):5060; from 200 on the same addresses with the next port.
sipcore::Endpoint backend(size_t i);

class Node {
 public:
  // Whether these bytes, sent by a fuzzer that sees the node look for them, would pass for bytes
  // that nobody wrote.
  static bool looks_unwritten(std::string_view bytes);

  explicit Node(const NodeOptions& options);
  ~Node();

  // Publishes a configuration like the one at the start, changed by `change`.
  void configure(const std::function<void(control::link::RunningConfig&)>& change);

  // Hands a datagram to the node, to the receive queue of worker `queue`. Polling is up to the
  // caller.
  void deliver(const Datagram& datagram, size_t queue = 0);
  void deliver_frame(const std::string& frame, size_t queue = 0);
  // One turn of every worker; what they sent. Checks that the counters add up, and that no byte was
  // sent that nobody wrote.
  std::vector<Datagram> poll(uint64_t now_ms);
  // One turn of one worker; the balance is checked when all have had theirs.
  void poll_worker(size_t worker, uint64_t now_ms) { poll_worker_at_us(worker, now_ms * 1000); }
  void poll_worker_at_us(size_t worker, uint64_t now_us) { workers_[worker]->poll(now_us); }
  // Turns until nothing more comes out.
  std::vector<Datagram> settle(uint64_t now_ms);
  // The ICMP error for a request that the node sent.
  void unreachable(const Datagram& request);

  uint64_t count(control::link::Count which) const;
  size_t transactions() const;
  size_t blobs() const;
  size_t dialogs() const;
  control::link::DestinationState& destination(size_t i) {
    return exchange_.destinations.at(static_cast<uint16_t>(i));
  }
  size_t packets_in_use() const;
  control::link::Exchange& exchange() { return exchange_; }
  dataplane::MemoryPool& small_packets() { return small_; }
  dataplane::MemoryPort& port(size_t worker) { return *ports_[worker]; }
  const control::link::RunningConfig& config() const { return *exchange_.config.read(); }
  dataplane::MemoryPort& second(size_t worker) { return *seconds_[worker]; }
  dataplane::MemoryPort& twin(size_t worker) { return *twins_[worker]; }
  // What stands wrong in the counters; empty: nothing.
  std::string imbalance() const;

 private:
  control::link::RunningConfig base_config() const;
  void collect(std::vector<Datagram>& out);
  void collect(dataplane::Packet* packet, std::vector<Datagram>& out);

  NodeOptions options_;
  dataplane::MemoryPool small_;
  dataplane::MemoryPool large_;
  dataplane::MemoryPool reassembly_;  // for frames that the node cut up
  control::link::Exchange exchange_;
  dataplane::Handover handover_;
  std::vector<std::unique_ptr<dataplane::MemoryPort>> ports_;
  std::vector<std::unique_ptr<dataplane::MemoryPort>> twins_;
  std::vector<std::unique_ptr<dataplane::MemoryPort>> seconds_;  // second ports, by worker
  std::vector<std::unique_ptr<dataplane::Worker>> workers_;
  std::unique_ptr<dataplane::Reassembly> joiner_;
  uint64_t fragments_cut_ = 0;
  uint64_t datagrams_out_ = 0;
};

}  // namespace tests
