// tandemctl trace: shows the messages of a call while they pass.
#pragma once

#include <cstdint>
#include <string>

namespace control::program {

struct TraceOptions {
  std::string socket;
  std::string what, text;  // as trace.start wants them
  uint32_t seconds = 60;
  bool whole = false;  // messages in full instead of a ladder
  std::string pcap;    // file; empty: none
};

// Until the time is up, or the terminal interrupts it. The exit code.
int show_trace(const TraceOptions& options);

}  // namespace control::program
