// One worker: everything between the ports and the proxy, run by one thread that does nothing else.
//
//   receive burst -> headers -> fragments -> owner -> proxy -> send burst
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "control/link/mailbox.h"
#include "control/link/messages.h"
#include "control/link/snapshot.h"
#include "dataplane/net/fragments.h"
#include "dataplane/paths/proxy.h"

namespace dataplane {

// A packet on its way to the worker that owns its call.
struct Handed {
  Packet* packet = nullptr;
  Arrival arrival;
};

// What all workers and control share; outlives them.
struct Exchange {
  explicit Exchange(size_t workers);

  control::link::Quiescence quiescence;
  control::link::Snapshot<control::link::RunningConfig> config;
  control::link::Snapshot<control::link::NextHops> hops;
  // By worker.
  std::vector<std::unique_ptr<control::link::Counters>> counters;
  std::vector<std::unique_ptr<control::link::Mailbox<control::link::ToControl>>> to_control;
  std::vector<std::unique_ptr<control::link::Mailbox<control::link::ToWorker>>> to_worker;
  // From worker i to worker j: handed[i * workers + j].
  std::vector<std::unique_ptr<control::link::Mailbox<Handed>>> handed;
  size_t workers;
};

class Worker {
 public:
  Worker(size_t id, Exchange& exchange, std::vector<Port*> ports, Pools pools,
         const ProxyLimits& limits, uint64_t now_ms);
  ~Worker();

  // One turn of the loop; the number of packets taken in, 0: there was nothing to do.
  size_t poll(uint64_t now_ms);

  const Proxy& proxy() const { return proxy_; }
  const control::link::Counters& counters() const { return counters_; }
  size_t waiting() const { return transmit_.waiting(); }
  size_t collecting() const { return reassembly_.collecting(); }

 private:
  size_t receive_from(size_t port);
  control::link::Count take_in(Packet* packet);
  control::link::Count steer(Packet* packet, const NetInfo& info);
  size_t take_handed();
  void take_messages();

  const size_t id_;
  Exchange& exchange_;
  control::link::Counters& counters_;
  std::vector<Port*> ports_;
  Transmit transmit_;
  Reassembly reassembly_;
  Proxy proxy_;
  const control::link::RunningConfig* config_ = nullptr;
  uint64_t now_ms_ = 0;
};

}  // namespace dataplane
