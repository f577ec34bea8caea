// Figures that only the packet layer knows, asked for when somebody looks: they cost workers
// nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace control::link {

struct PortFigure {
  std::string group;  // "pool" or "port"
  std::string of;     // which of them
  std::string what;
  std::string help;                // a sentence
  bool grows = false;              // since the start; else it is of this moment
  std::function<uint64_t()> read;  // by the control thread, while ports run
};

}  // namespace control::link
