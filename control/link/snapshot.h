// Published snapshots: the control thread builds an immutable object and publishes a pointer to it;
// workers read the pointer once per loop turn. The old object is freed after every worker has begun
// a turn since, when none can hold it any more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace control::link {

inline constexpr size_t kMostWorkers = 64;

// One per process, shared by all snapshots.
class Quiescence {
 public:
  explicit Quiescence(size_t workers) : workers_(workers) {}
  // No worker runs any more.
  ~Quiescence() {
    for (Waiting& one : waiting_) one.free();
  }
  Quiescence(const Quiescence&) = delete;
  Quiescence& operator=(const Quiescence&) = delete;

  // Worker `id`, at the top of each turn, before it reads any snapshot.
  void pass(size_t id) {
    seen_[id].turn.store(now_.load(std::memory_order_acquire), std::memory_order_release);
  }

  // Control thread: runs `free` once every worker has passed after this call. Until then it waits.
  void retire(std::function<void()> free) { waiting_.push_back({next_turn(), std::move(free)}); }

  // Any thread: what have_begun() is asked for. Whoever has begun that turn has forgotten what he
  // saw before this call.
  uint64_t next_turn() { return now_.fetch_add(1, std::memory_order_acq_rel) + 1; }
  bool have_begun(uint64_t turn) const { return turn <= oldest_turn(); }

  // Control thread: frees what no worker can see any more; returns how many still wait.
  size_t collect() {
    uint64_t oldest = oldest_turn();
    std::erase_if(waiting_, [oldest](Waiting& one) {
      if (one.turn > oldest) return false;
      one.free();
      return true;
    });
    return waiting_.size();
  }

 private:
  struct alignas(64) Seen {
    std::atomic<uint64_t> turn{0};
  };
  struct Waiting {
    uint64_t turn;
    std::function<void()> free;
  };
  // Of any worker.
  uint64_t oldest_turn() const {
    uint64_t oldest = now_.load(std::memory_order_acquire);
    for (size_t id = 0; id < workers_; ++id) {
      oldest = std::min(oldest, seen_[id].turn.load(std::memory_order_acquire));
    }
    return oldest;
  }

  size_t workers_;
  std::atomic<uint64_t> now_{0};
  std::array<Seen, kMostWorkers> seen_;
  std::vector<Waiting> waiting_;  // control thread only
};

template <class T>
class Snapshot {
 public:
  explicit Snapshot(Quiescence& quiescence) : quiescence_(quiescence) {}
  ~Snapshot() { delete current_.load(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Control thread only.
  void publish(std::unique_ptr<const T> next) {
    const T* old = current_.exchange(next.release(), std::memory_order_acq_rel);
    if (old != nullptr) quiescence_.retire([old] { delete old; });
  }

  // A worker keeps the pointer for one turn at most.
  const T* read() const { return current_.load(std::memory_order_acquire); }

 private:
  Quiescence& quiescence_;
  std::atomic<const T*> current_{nullptr};
};

}  // namespace control::link
