// The host names of destinations, looked up for as long as they are wanted. What was found last is
// written to the state directory: after a restart it counts until something else is found, name
// servers being down or not. Control thread only.
#pragma once

#include "control/resolve/name_server.h"

namespace control::resolve {

class Names {
 public:
  // `file` is where the last good ones lie.
  Names(Families families, std::string file);

  // Told once for all that have changed.
  std::function<void()> on_change;

  // `servers`: see NameServer. A sentence; empty: ready.
  std::string open(const std::vector<std::string>& servers);
  const std::vector<Member>& members(const HostName& name) const { return resolver_.members(name); }
  void want(const std::vector<HostName>& names, uint64_t now_ms) { resolver_.want(names, now_ms); }
  // Every few milliseconds.
  void tick(uint64_t now_ms);

 private:
  const std::string file_;
  NameServer name_server_;
  Resolver resolver_;
  bool changed_ = false;
};

// One address in a line: host, port (0: not given), SRV priority and weight, endpoint.
std::string text_of(const Resolver::Found& found);
// What is no such line is left out.
Resolver::Found found_in(const std::string& text);

}  // namespace control::resolve
