#include "tests/simulation/node.h"

#include "dataplane/net/headers.h"
#include "sipcore/check.h"

namespace tests {

using control::link::Count;
using control::link::RunningConfig;

// Longer than anything a random test writes by chance.
const std::string kUnwritten(12, dataplane::MemoryPool::kPoison);

sipcore::Endpoint endpoint(const std::string& text) {
  auto parsed = sipcore::parse_endpoint(text, 5060);
  CHECK(parsed.has_value());
  return *parsed;
}

sipcore::Endpoint backend(size_t i) {
  constexpr size_t kHosts = 200;
  return endpoint("198.18.0." + std::to_string(21 + i % kHosts) + ":" +
                  std::to_string(5060 + i / kHosts));
}

bool Node::looks_unwritten(std::string_view bytes) {
  return bytes.find(kUnwritten.substr(0, 4)) != std::string_view::npos;
}

Node::Node(const NodeOptions& options)
    : options_(options),
      small_(options.packets, dataplane::kSmallPacket, options.poison, options.workers > 1),
      large_(64, dataplane::kLargePacket, options.poison, options.workers > 1),
      reassembly_(16, dataplane::kLargePacket),
      exchange_(options.workers),
      handover_(options.workers) {
  for (size_t i = 0; i < options.workers; ++i) {
    ports_.push_back(std::make_unique<dataplane::MemoryPort>());
    std::vector<dataplane::Port*> twins, ports{ports_.back().get()};
    if (options.second_network) {
      seconds_.push_back(std::make_unique<dataplane::MemoryPort>());
      ports.push_back(seconds_.back().get());
    }
    if (options.kernel_twin) {
      twins_.push_back(std::make_unique<dataplane::MemoryPort>());
      twins.push_back(twins_.back().get());
    }
    workers_.push_back(std::make_unique<dataplane::Worker>(i, exchange_, handover_, ports, twins,
                                                           dataplane::Pools{&small_, &large_},
                                                           options.limits, 0));
  }
  joiner_ = std::make_unique<dataplane::Reassembly>(16, reassembly_);
  configure([](RunningConfig&) {});
  // Everybody of 198.18.0.0/24 and 2001:db8:18::/64 is on the link and has the same MAC.
  control::link::Neighbours neighbours;
  for (int host = 1; host < 255; ++host) {
    neighbours[{endpoint("198.18.0." + std::to_string(host)).ip, 0}] = {2, 0, 0, 0, 0, 2};
    neighbours[{endpoint("198.19.0." + std::to_string(host)).ip, 1}] = {2, 0, 0, 0, 0, 4};
    char text[64];
    std::snprintf(text, sizeof text, "[2001:db8:18::%x]", static_cast<unsigned>(host));
    neighbours[{endpoint(text).ip, 0}] = {2, 0, 0, 0, 0, 2};
  }
  std::vector<control::link::Route> routes = {{endpoint("198.18.0.0").ip, 24, 0, {}, 0},
                                              {endpoint("198.19.0.0").ip, 24, 0, {}, 1},
                                              {endpoint("[2001:db8:18::]").ip, 64, 0, {}, 0}};
  exchange_.hops.publish(std::make_unique<control::link::NextHops>(
      routes, neighbours, std::vector<control::link::Mac>{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 3}},
      control::link::Addresses{endpoint(options.listen).ip, endpoint(kListen6).ip,
                               endpoint("198.18.0.255").ip}));
}

Node::~Node() {
  std::vector<Datagram> rest;
  collect(rest);
  for (auto& port : ports_) {
    for (auto* packet : port->to_worker) dataplane::release(packet);
  }
  workers_.clear();
}

RunningConfig Node::base_config() const {
  RunningConfig config;
  config.listens.push_back({endpoint(options_.listen), 0});
  if (options_.second_network) config.listens.push_back({endpoint(kSecondListen), 1});
  if (options_.both_families) config.listens.push_back({endpoint(kListen6), 0});
  config.keys = {{0x0123456789abcdef, 0xfedcba9876543210},
                 {0x89abcdef01234567, 0x76543210fedcba98}};
  control::link::Group group;
  group.name = "default";
  group.algorithm = options_.algorithm;
  for (size_t i = 0; i < options_.backends; ++i) {
    control::link::Destination destination;
    destination.endpoint = backend(i);
    destination.name.uri = "sip:" + sipcore::to_string(backend(i));
    destination.slot = static_cast<uint16_t>(i);
    group.destinations.push_back(destination);
  }
  config.groups.push_back(group);
  return config;
}

void Node::configure(const std::function<void(RunningConfig&)>& change) {
  auto config = std::make_unique<RunningConfig>(base_config());
  change(*config);
  config->list_own();
  for (auto& group : config->groups) control::link::prepare(group, config->keys.token);
  exchange_.config.publish(std::move(config));
  exchange_.quiescence.collect();
}

void Node::deliver(const Datagram& datagram, size_t queue) {
  bool large = datagram.bytes.size() > dataplane::kSmallPacket;
  dataplane::Packet* packet = large ? large_.take() : small_.take();
  if (packet == nullptr) return;  // the wire loses it
  std::copy(datagram.bytes.begin(), datagram.bytes.end(), packet->data());
  packet->size = static_cast<uint32_t>(datagram.bytes.size());
  dataplane::write_headers(*packet, datagram.from, datagram.to, {}, 1);
  if (packet->size <= 1514) {
    ports_[queue]->to_worker.push_back(packet);
    return;
  }
  std::vector<dataplane::Packet*> pieces;
  static uint32_t id = 0;
  dataplane::cut(*packet, 1500, ++id, small_, pieces);
  dataplane::release(packet);
  for (auto* piece : pieces) ports_[queue]->to_worker.push_back(piece);
}

void Node::deliver_frame(const std::string& frame, size_t queue) {
  dataplane::Packet* packet = small_.take();
  CHECK(packet != nullptr && frame.size() <= dataplane::kSmallPacket);
  std::copy(frame.begin(), frame.end(), packet->data());
  packet->size = static_cast<uint32_t>(frame.size());
  ports_[queue]->to_worker.push_back(packet);
}

void Node::collect(std::vector<Datagram>& out) {
  for (auto* side : {&ports_, &seconds_}) {
    for (auto& port : *side) {
      while (!port->from_worker.empty()) {
        dataplane::Packet* packet = port->from_worker.front();
        port->from_worker.pop_front();
        collect(packet, out);
      }
    }
  }
}

void Node::collect(dataplane::Packet* packet, std::vector<Datagram>& out) {
  dataplane::NetInfo info;
  CHECK(dataplane::read_headers(*packet, info) == Count::kFates);
  if (info.is_fragment) {
    ++fragments_cut_;
    dataplane::Packet* whole = nullptr;
    if (joiner_->add(packet, info, 0, whole) != Count::kFates) return;
    packet = whole;
  }
  // A checksum of ours that is wrong would end here, and so would a byte that nobody wrote.
  CHECK(dataplane::read_udp(*packet, info) == Count::kFates);
  CHECK(dataplane::checksum_fits(*packet, info));
  CHECK(packet->bytes().find(kUnwritten) == std::string_view::npos);
  ++datagrams_out_;
  out.push_back({info.source, info.target,
                 std::string(packet->bytes().substr(info.payload, info.payload_size))});
  dataplane::release(packet);
}

std::vector<Datagram> Node::poll(uint64_t now_ms) {
  std::vector<Datagram> out;
  for (auto& worker : workers_) worker->poll(now_ms * 1000);
  collect(out);
  exchange_.quiescence.collect();
  std::string wrong = imbalance();
  if (!wrong.empty()) std::fprintf(stderr, "counters do not add up: %s\n", wrong.c_str());
  CHECK(wrong.empty());
  return out;
}

std::vector<Datagram> Node::settle(uint64_t now_ms) {
  std::vector<Datagram> out;
  for (size_t quiet = 0; quiet < 2;) {
    std::vector<Datagram> more = poll(now_ms);
    bool busy = !more.empty();
    for (auto& port : ports_) busy |= !port->to_worker.empty();
    quiet = busy ? 0 : quiet + 1;
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

void Node::unreachable(const Datagram& request) {
  sipcore::Message message;
  sipcore::Essentials essentials;
  CHECK(sipcore::validate(message, message.parse(request.bytes), essentials) ==
        sipcore::Fault::kNone);
  control::link::ToWorker error;
  CHECK(sipcore::read_branch(config().keys.branch, essentials.via->branch, error.branch) ==
        sipcore::TokenStatus::kOk);
  exchange_.to_worker[error.branch.worker]->push(error);
}

uint64_t Node::count(Count which) const {
  uint64_t total = 0;
  for (auto& counters : exchange_.counters) total += counters->read(which);
  return total;
}

size_t Node::transactions() const {
  size_t total = 0;
  for (auto& worker : workers_) {
    total += worker->proxy().transactions().servers_in_use() +
             worker->proxy().transactions().clients_in_use() +
             worker->proxy().transactions().branches_in_use();
  }
  return total;
}

size_t Node::blobs() const {
  size_t total = 0;
  for (auto& worker : workers_) total += worker->proxy().blobs_in_use();
  return total;
}

size_t Node::dialogs() const {
  size_t total = 0;
  for (auto& worker : workers_) total += worker->proxy().dialogs().in_use();
  return total;
}

size_t Node::packets_in_use() const {
  size_t in_ports = 0;
  for (auto& port : ports_) in_ports += port->to_worker.size() + port->from_worker.size();
  return options_.packets - small_.available() + 64 - large_.available() - in_ports;
}

std::string Node::imbalance() const {
  uint64_t sent = 0, lost = 0, waiting = 0;
  for (size_t i = 0; i < workers_.size(); ++i) {
    const auto& counters = *exchange_.counters[i];
    uint64_t in = counters.read(Count::packets_in);
    if (in != counters.fates()) {
      return "worker " + std::to_string(i) + ": " + std::to_string(in) + " packets in, but " +
             std::to_string(counters.fates()) + " fates";
    }
    sent += counters.sent();
    lost += counters.read(Count::tx_failed) + counters.read(Count::tx_no_neighbour);
    waiting += workers_[i]->waiting();
  }
  if (sent != datagrams_out_ + lost + waiting) {
    return std::to_string(sent) + " messages sent, but " + std::to_string(datagrams_out_) +
           " came out and " + std::to_string(lost + waiting) + " are accounted for";
  }
  return {};
}

}  // namespace tests
