#include "dataplane/core/twins.h"

namespace dataplane {

using control::link::Count;

Twins::Twins(const std::vector<Port*>& wires, const std::vector<Port*>& kernel,
             control::link::Counters& counters)
    : twins_(wires.size()), counters_(counters) {
  for (size_t i = 0; i < wires.size(); ++i) {
    twins_[i].wire = wires[i];
    twins_[i].kernel = i < kernel.size() ? kernel[i] : nullptr;
    twins_[i].given.reserve(kBurst);
  }
}

bool Twins::give(Packet* packet) {
  Twin& twin = twins_[packet->port];
  if (twin.kernel == nullptr) return false;
  if (twin.given.size() == kBurst) {
    send(*twin.kernel, twin.given.data(), twin.given.size());
    twin.given.clear();
  }
  twin.given.push_back(packet);
  return true;
}

void Twins::pass() {
  Packet* burst[kBurst];
  for (Twin& twin : twins_) {
    if (twin.kernel == nullptr) continue;
    send(*twin.kernel, twin.given.data(), twin.given.size());
    twin.given.clear();
    size_t count = twin.kernel->receive(burst, kBurst);
    counters_.add(Count::from_kernel, count);
    send(*twin.wire, burst, count);
  }
}

void Twins::send(Port& port, Packet** packets, size_t count) {
  counters_.add(Count::twin_failed, count - send_all(port, packets, count));
}

}  // namespace dataplane
