// A port and a pool in plain memory: a whole node runs over them in a test or a benchmark, without
// DPDK, a kernel or privileges.
#pragma once

#include <deque>
#include <memory_resource>
#include <memory>
#include <mutex>
#include <vector>

#include "control/link/huge_vector.h"
#include "dataplane/io/port.h"

namespace dataplane {

class MemoryPool : public PacketPool {
 public:
  // Fills packets that nobody holds, where it `poisons` them: what is sent of it was never written.
  static constexpr char kPoison = static_cast<char>(0xa5);

  // `shared`: by several threads.
  MemoryPool(size_t packets, uint32_t size, bool poisons = false, bool shared = true);
  Packet* take() override;
  void give(Packet* packet) override;
  size_t available() const;

 private:
  std::unique_lock<std::mutex> lock() const {
    return shared_ ? std::unique_lock(mutex_) : std::unique_lock<std::mutex>();
  }

  mutable std::mutex mutex_;
  bool poisons_;
  bool shared_;
  control::link::HugeBytes memory_;  // as DPDK's are, where there are huge pages
  std::vector<Packet> packets_;
  std::vector<Packet*> free_;
};

// The test puts packets into `to_worker` and takes them from `from_worker`.
class MemoryPort : public Port {
 public:
  explicit MemoryPort(uint32_t mtu = 1500) : mtu_(mtu) {}
  size_t receive(Packet** packets, size_t most) override;
  size_t send(Packet** packets, size_t count) override;
  uint32_t mtu() const override { return mtu_; }

  // What they give back they keep: once they have been full, sending allocates nothing.
  std::pmr::unsynchronized_pool_resource memory;
  std::pmr::deque<Packet*> to_worker{&memory};
  std::pmr::deque<Packet*> from_worker{&memory};
  size_t refuse_after = SIZE_MAX;  // packets `from_worker` holds at most

 private:
  uint32_t mtu_;
};

}  // namespace dataplane
