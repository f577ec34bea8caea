// DPDK for a benchmark that needs its library but no port: ordinary memory, one CPU, no files.
#pragma once

#include <rte_eal.h>

#include <iterator>
#include <string>

namespace perf {

inline bool start_eal(const char* program, unsigned megabytes) {
  std::string memory = std::to_string(megabytes);
  const char* arguments[] = {program,       "--no-huge",
                             "-m",          memory.c_str(),
                             "--no-pci",    "--no-telemetry",
                             "--no-shconf", "--log-level=lib.eal:error",
                             "-l",          "0"};
  return rte_eal_init(std::size(arguments), const_cast<char**>(arguments)) >= 0;
}

}  // namespace perf
