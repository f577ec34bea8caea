// Questions to the name servers of the machine, or of the configuration, by c-ares; nothing waits.
// Control thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/resolve/resolver.h"

namespace control::resolve {

class NameServer {
 public:
  NameServer();
  ~NameServer();

  // `servers`: addresses with ports; none: those of /etc/resolv.conf. A sentence; empty: ready.
  std::string open(const std::vector<std::string>& servers);
  void ask(const std::string& name, RecordType type, Resolver::Done done);
  // Its addresses in the hosts file of the machine; none: it is not there.
  std::vector<Record> in_hosts_file(const std::string& name) const;
  // Takes what has come and gives up what is late; every few milliseconds.
  void tick();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace control::resolve
