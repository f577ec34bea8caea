// What is not SIP for us is the kernel's: a port without a kernel interface has a TAP as its twin,
// and a worker passes packets between the two. Ports that share an interface with the kernel have
// none. Owned by one worker.
#pragma once

#include <vector>

#include "control/link/counters.h"
#include "dataplane/io/port.h"

namespace dataplane {

class Twins {
 public:
  // `kernel[i]` is the twin of `wires[i]`; nullptr, or a shorter list: it has none.
  Twins(const std::vector<Port*>& wires, const std::vector<Port*>& kernel,
        control::link::Counters& counters);

  // Takes the packet over if its port has a twin.
  bool give(Packet* packet);

  // Once per turn: what was given goes to the kernel, what the kernel sends goes out by the port.
  void pass();

 private:
  struct Twin {
    Port* wire = nullptr;
    Port* kernel = nullptr;
    std::vector<Packet*> given;
  };
  void send(Port& port, Packet** packets, size_t count);

  std::vector<Twin> twins_;
  control::link::Counters& counters_;
};

}  // namespace dataplane
