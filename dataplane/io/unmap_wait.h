// Memory that a driver takes from under a worker. When the peer of a memif port goes, DPDK's
// interrupt thread says that the link is down and unmaps the memory of the peer at once; a worker
// that has looked a moment before goes on to read the ring (eth_memif_rx of DPDK 22.11). A moment
// is long where the host takes the CPU away in it.
//
// So the process has a munmap() of its own, which on that thread first waits until every worker has
// begun another turn, in which it looks again. On all others it is the kernel's.
#pragma once

#include "control/link/snapshot.h"

namespace dataplane {

// From its begin to its end the interrupt thread waits for these workers, who run all that time or
// are about to. One in a process. Made and ended by the main thread.
class UnmapWait {
 public:
  // Whether the caller is that thread.
  using OnDriver = bool (*)();
  UnmapWait(control::link::Quiescence& workers, OnDriver on_driver);
  ~UnmapWait();
  UnmapWait(const UnmapWait&) = delete;
};

}  // namespace dataplane
