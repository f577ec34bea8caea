// A bounded single-producer single-consumer queue: the way a message crosses from one thread to
// another. Neither side ever waits; full and empty are answers.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace control::link {

// What anybody can cause by sending goes into half of the room, so that there is always some for
// the rest.
enum class Room : uint8_t { kAll, kHalf };

template <class T>
class Mailbox {
 public:
  // Room for `capacity` messages, rounded up to a power of two; allocated here and never again.
  explicit Mailbox(size_t capacity) : slots_(std::bit_ceil(capacity)), mask_(slots_.size() - 1) {}

  // Producer thread only. False: full, the message stays with the caller.
  bool push(const T& message, Room room = Room::kAll) {
    size_t most = room == Room::kHalf ? slots_.size() / 2 : slots_.size();
    uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - known_tail_ >= most) {
      known_tail_ = tail_.load(std::memory_order_acquire);
      if (head - known_tail_ >= most) return false;
    }
    slots_[head & mask_] = message;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // Consumer thread only. False: empty.
  bool pop(T& message) {
    uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == known_head_) {
      known_head_ = head_.load(std::memory_order_acquire);
      if (tail == known_head_) return false;
    }
    message = slots_[tail & mask_];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

 private:
  std::vector<T> slots_;
  const uint64_t mask_;
  alignas(64) std::atomic<uint64_t> head_{0};  // written by the producer
  uint64_t known_tail_ = 0;                    // producer's copy
  alignas(64) std::atomic<uint64_t> tail_{0};  // written by the consumer
  uint64_t known_head_ = 0;                    // consumer's copy
};

}  // namespace control::link
