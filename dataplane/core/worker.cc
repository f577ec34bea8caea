#include "dataplane/core/worker.h"

#include <algorithm>

#include "dataplane/net/proxy_header.h"
#include "dataplane/steer/owner.h"
#include "sipcore/grammar/glance.h"

namespace dataplane {

using control::link::Count;

namespace {

constexpr size_t kTimerBudget = 256;  // timers of one turn
constexpr size_t kReassemblies = 64;  // datagrams in the making
constexpr size_t kAhead = 8;          // packets that are asked for before their turn

// A network card leaves packets in the outermost cache. What tells most of what is dropped, headers
// as far as To, is in the first lines of them.
void prefetch(const Packet& packet) {
  constexpr size_t kLines = 5, kLine = 64;
  const char* begin = packet.buffer + packet.begin;
  for (size_t i = 0; i < kLines; ++i) __builtin_prefetch(begin + i * kLine);
}

// Our own branch in the topmost Via of a response names the worker.
size_t owner_by_branch(std::string_view message, const sipcore::HashKey& key, size_t none) {
  if (!message.starts_with("SIP/")) return none;
  size_t at = message.find(sipcore::kOwnBranch);
  if (at == std::string_view::npos) return none;
  sipcore::BranchToken token;
  std::string_view text = message.substr(at, sipcore::kBranchSize);
  return sipcore::read_branch(key, text, token) == sipcore::TokenStatus::kOk ? token.worker : none;
}

}  // namespace

Worker::Worker(size_t id, control::link::Exchange& exchange, Handover& handover,
               const std::vector<Port*>& ports, const std::vector<Port*>& kernel, Pools pools,
               const ProxyLimits& limits, uint64_t now_ms)
    : id_(id),
      exchange_(exchange),
      handover_(handover),
      counters_(*exchange.counters[id]),
      traffic_(*exchange.traffic[id]),
      ports_(ports),
      tap_(id, exchange),
      transmit_(id, exchange.workers, ports, pools, counters_, *exchange.to_control[id], tap_),
      twins_(ports, kernel, counters_),
      reassembly_(kReassemblies, *pools.large),
      proxy_(static_cast<uint8_t>(id), limits, transmit_, exchange, now_ms),
      protection_(exchange.sources, *exchange.to_control[id]) {}

Worker::~Worker() {
  Handed handed;
  for (size_t from = 0; from < exchange_.workers; ++from) {
    while (handover_.at(from, id_).pop(handed)) release(handed.packet);
  }
}

size_t Worker::poll(uint64_t now_us) {
  exchange_.quiescence.pass(id_);
  exchange_.heartbeats[id_]->at_ms.store(now_us / 1000, std::memory_order_relaxed);
  config_ = exchange_.config.read();
  if (config_ == nullptr) return 0;
  note_turn(now_us);
  now_ms_ = now_us / 1000;
  hops_ = exchange_.hops.read();
  tap_.begin_turn(now_us);
  transmit_.begin_turn(hops_, now_ms_);
  proxy_.begin_turn(*config_, now_us);
  protection_.begin_turn(*config_, exchange_.denied.read(), exchange_.banned.read(), now_us);
  take_messages();
  size_t taken = take_handed();
  ports_queue_ = Overload::Queue::kEnd;
  for (size_t port = 0; port < ports_.size(); ++port) taken += receive_from(port);
  proxy_.catch_up();
  from_ports_.note(ports_queue_, rested_us_, now_ms_);
  twins_.pass();
  proxy_.run_timers(kTimerBudget);
  transmit_.flush();
  if (taken > 0) traffic_.burst(taken);
  was_busy_ = taken > 0;
  return taken;
}

// The time since the last turn began went into that one, if it had something to do.
void Worker::note_turn(uint64_t now_us) {
  rested_us_ = was_busy_ ? 0 : now_us - turn_us_;
  if (was_busy_) traffic_.busy_us.add(now_us - turn_us_);
  turn_us_ = now_us;
  if (now_us / 1000 != now_ms_) proxy_.show_use();
}

void Worker::take_messages() {
  control::link::ToWorker message;
  while (exchange_.to_worker[id_]->pop(message)) proxy_.unreachable(message.branch);
  control::link::Outgoing out;
  while (exchange_.to_send[id_]->pop(out)) proxy_.send_probe(out);
}

size_t Worker::take_handed() {
  size_t taken = 0;
  auto queue = Overload::Queue::kEnd;
  Handed handed;
  for (size_t from = 0; from < exchange_.workers; ++from) {
    auto& mailbox = handover_.at(from, id_);
    size_t count = 0;
    for (; count < kBurst && mailbox.pop(handed); ++count) {
      counters_.add(Count::packets_in);
      count_fate(take_over(handed));
    }
    from_workers_.took(count);
    if (count == kBurst) queue = Overload::Queue::kMore;
    taken += count;
  }
  from_workers_.note(queue, rested_us_, now_ms_);
  return taken;
}

// What the other worker has decided stays; what it let pass may still be too much here.
Count Worker::take_over(Handed& handed) {
  if (from_workers_.shedding() && handed.verdict == Overload::Verdict::kAdmit) {
    const Arrival& arrival = handed.arrival;
    auto message = handed.packet->bytes().substr(arrival.payload, arrival.payload_size);
    bool is_new = sipcore::is_new_request(message);
    bool trusted = is_new && config_->protect.trusts(arrival.source.ip);
    if (from_workers_.drops(is_new, trusted)) return drop(handed.packet, Count::drop_overload);
    handed.verdict = from_workers_.judge(is_new, trusted);
  }
  proxy_.receive(handed.packet, handed.arrival, handed.verdict);
  return Count::kFates;
}

size_t Worker::receive_from(size_t port) {
  std::array<Packet*, kBurst> burst;
  size_t count = ports_[port]->receive(burst.data(), kBurst);
  if (count > 0) counters_.add(Count::packets_in, count);
  size_t kernels = 0;
  for (size_t i = 0; i < std::min(kAhead, count); ++i) prefetch(*burst[i]);
  for (size_t i = 0; i < count; ++i) {
    if (i + kAhead < count) prefetch(*burst[i + kAhead]);
    burst[i]->port = static_cast<uint16_t>(port);
    Count fate = take_in(burst[i]);
    count_fate(fate);
    kernels += fate == Count::to_kernel;
  }
  from_ports_.took(count - kernels);
  // A burst that is for the kernel tells nothing of ours.
  if (count == kBurst && kernels < kBurst / 2) {
    ports_queue_ = Overload::Queue::kMore;
  } else if (count == kBurst && ports_queue_ == Overload::Queue::kEnd) {
    ports_queue_ = Overload::Queue::kUnknown;
  }
  return count;
}

// Owns the packet; every way out has a name. kFates: the proxy has it, and names its fate.
Count Worker::take_in(Packet* packet) {
  NetInfo info;
  Count fault = read_headers(*packet, info);
  if (fault == Count::drop_not_ip || fault == Count::drop_not_udp) return not_for_us(packet, fault);
  if (fault == Count::kFates && info.is_fragment) {
    if (!is_listen(info.target.ip)) return not_for_us(packet, Count::drop_not_ours);
    Packet* whole = nullptr;
    Count fate = reassembly_.add(packet, info, now_ms_, whole);
    counters_.add(Count::reassembly_given_up, reassembly_.take_given_up());
    if (fate != Count::kFates) return fate;
    packet = whole;
    fault = read_udp(*packet, info);
  }
  if (fault == Count::kFates) return steer(packet, info);
  return drop(packet, fault);
}

// The kernel's, if it is not with us on the interface and has seen it already.
Count Worker::not_for_us(Packet* packet, Count fault) {
  return twins_.give(packet) ? Count::to_kernel : drop(packet, fault);
}

bool Worker::is_listen(const sipcore::IpAddress& ip) const {
  for (const auto& listen : config_->listens) {
    if (listen.endpoint.ip == ip) return true;
  }
  return false;
}

void Worker::count_fate(Count fate) {
  if (fate != Count::kFates) counters_.add(fate);
}

Count Worker::drop(Packet* packet, Count why) {
  release(packet);
  return why;
}

// Nobody who has this address sends to us over a wire: the answer would go to ourselves or to a
// whole network.
bool Worker::is_nobody(const sipcore::IpAddress& source) const {
  if (hops_ != nullptr && hops_->nobody(source)) return true;
  return source.loopback() && !config_->own.front().ip.loopback();
}

// Whom a balancer speaks for, and what he has sent. kFates: nothing is wrong.
Count Worker::take_proxy_header(const Packet& packet, Arrival& arrival) const {
  if (!config_->listens[arrival.listen].balancers->contains(arrival.peer.ip)) return Count::kFates;
  if (protection_.denies(arrival.peer.ip)) return Count::drop_denied;
  auto header = read_proxy_header(packet.bytes().substr(arrival.payload, arrival.payload_size));
  if (!header) return Count::drop_bad_proxy_header;
  arrival.by_balancer = header->for_another;
  if (!header->source.ip.none()) arrival.source = header->source;
  arrival.payload += header->size;
  arrival.payload_size -= header->size;
  return Count::kFates;
}

Count Worker::steer(Packet* packet, const NetInfo& info) {
  const auto& listens = config_->listens;
  uint16_t listen = 0;
  while (listen < listens.size() && listens[listen].endpoint != info.target) ++listen;
  if (listen == listens.size()) {
    // One that was put together has lost the headers that the kernel would need.
    bool joined = info.ip_payload == 0;
    return joined ? drop(packet, Count::drop_not_ours) : not_for_us(packet, Count::drop_not_ours);
  }
  Arrival arrival{info.source, info.source, false, listen, info.payload, info.payload_size};
  Count refused = Count::kFates;
  if (listens[listen].balancers != nullptr) refused = take_proxy_header(*packet, arrival);
  if (refused != Count::kFates) return drop(packet, refused);
  std::string_view sip = packet->bytes().substr(arrival.payload, arrival.payload_size);
  if (tap_.active()) tap_.note(arrival.source, info.target, sip);
  refused = protection_.refuse(arrival.source.ip, sip);
  if (refused != Count::kFates) return drop(packet, refused);
  // New requests are turned away before anything that costs is done for them.
  bool shedding = from_ports_.shedding(), is_new = shedding && sipcore::is_new_request(sip);
  bool trusted = is_new && config_->protect.trusts(arrival.source.ip);
  if (shedding && from_ports_.drops(is_new, trusted)) return drop(packet, Count::drop_overload);
  return let_in({packet, arrival, Overload::Verdict::kAdmit}, info, is_new, trusted);
}

Count Worker::let_in(Handed handed, const NetInfo& info, bool is_new, bool trusted) {
  auto& [packet, arrival, verdict] = handed;
  std::string_view sip = packet->bytes().substr(arrival.payload, arrival.payload_size);
  if (is_nobody(arrival.peer.ip) || is_nobody(arrival.source.ip)) {
    return drop(packet, Count::drop_bad_source);
  }
  if (!checksum_fits(*packet, info)) return drop(packet, Count::drop_bad_udp);
  if (protection_.is_scanner(arrival.source.ip, sip)) return drop(packet, Count::drop_scanner);
  if (from_ports_.shedding()) verdict = from_ports_.judge(is_new, trusted);
  size_t owner = owner_of(sip);
  if (owner == id_) {
    proxy_.receive(packet, arrival, verdict);
    return Count::kFates;
  }
  bool taken = handover_.at(id_, owner).push(handed);
  return taken ? Count::handed_over : drop(packet, Count::drop_no_memory);
}

size_t Worker::owner_of(std::string_view message) const {
  if (exchange_.workers == 1) return id_;
  size_t owner = owner_by_branch(message, config_->keys.branch, exchange_.workers);
  if (owner < exchange_.workers) return owner;
  std::string_view call_id = find_call_id(message);
  return call_id.empty() ? id_ : owner_of_call(call_id, config_->keys.token, exchange_.workers);
}

}  // namespace dataplane
