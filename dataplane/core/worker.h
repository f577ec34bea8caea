// One worker: everything between the ports and the proxy, run by one thread that does nothing else.
//
//   receive burst -> headers -> fragments -> protection -> overload -> checksum -> scanners
//   -> owner -> proxy -> send burst
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "control/link/exchange.h"
#include "dataplane/core/overload.h"
#include "dataplane/core/protection.h"
#include "dataplane/core/tap.h"
#include "dataplane/core/twins.h"
#include "dataplane/net/fragments.h"
#include "dataplane/paths/proxy.h"

namespace dataplane {

// A packet on its way to the worker that owns its call.
struct Handed {
  Packet* packet = nullptr;
  Arrival arrival;
  Overload::Verdict verdict = Overload::Verdict::kAdmit;
};

// The rings between workers: at(i, j) carries packets from worker i to worker j.
class Handover {
 public:
  static constexpr size_t kRoom = 2048;

  explicit Handover(size_t workers) : workers_(workers) {
    for (size_t i = 0; i < workers * workers; ++i) {
      rings_.push_back(std::make_unique<control::link::Mailbox<Handed>>(kRoom));
    }
  }
  control::link::Mailbox<Handed>& at(size_t from, size_t to) {
    return *rings_[from * workers_ + to];
  }

 private:
  size_t workers_;
  std::vector<std::unique_ptr<control::link::Mailbox<Handed>>> rings_;
};

class Worker {
 public:
  // `kernel`: the twins of those ports that have one.
  Worker(size_t id, control::link::Exchange& exchange, Handover& handover,
         const std::vector<Port*>& ports, const std::vector<Port*>& kernel, Pools pools,
         const ProxyLimits& limits, uint64_t now_ms);
  ~Worker();

  // One turn of the loop; the number of packets taken in, 0: there was nothing to do.
  size_t poll(uint64_t now_us);

  const Proxy& proxy() const { return proxy_; }
  const control::link::Counters& counters() const { return counters_; }
  size_t waiting() const { return transmit_.waiting(); }

 private:
  size_t receive_from(size_t port);
  control::link::Count take_in(Packet* packet);
  control::link::Count not_for_us(Packet* packet, control::link::Count fault);
  bool is_listen(const sipcore::IpAddress& ip) const;
  bool is_nobody(const sipcore::IpAddress& source) const;
  control::link::Count take_proxy_header(const Packet& packet, Arrival& arrival) const;
  control::link::Count steer(Packet* packet, const NetInfo& info);
  control::link::Count let_in(Handed handed, const NetInfo& info, bool is_new, bool trusted);
  size_t owner_of(std::string_view message) const;
  control::link::Count drop(Packet* packet, control::link::Count why);
  void count_fate(control::link::Count fate);
  void note_turn(uint64_t now_us);
  size_t take_handed();
  control::link::Count take_over(Handed& handed);
  void take_messages();

  const size_t id_;
  control::link::Exchange& exchange_;
  Handover& handover_;
  control::link::Counters& counters_;
  control::link::Traffic& traffic_;
  std::vector<Port*> ports_;
  Tap tap_;
  Transmit transmit_;
  Twins twins_;
  Reassembly reassembly_;
  Proxy proxy_;
  Protection protection_;
  Overload from_ports_;
  Overload from_workers_;
  const control::link::RunningConfig* config_ = nullptr;
  const control::link::NextHops* hops_ = nullptr;
  uint64_t now_ms_ = 0;
  uint64_t turn_us_ = 0;    // when this turn began
  uint64_t rested_us_ = 0;  // before it, with nothing to do
  bool was_busy_ = false;
  Overload::Queue ports_queue_ = Overload::Queue::kEnd;  // of this turn
};

}  // namespace dataplane
