// The one clock of workers and control: it never jumps, and tells nothing of the date.
#pragma once

#include <time.h>

#include <cstdint>

namespace control::link {

inline uint64_t now_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // answered from user space, no system call
  return static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace control::link
