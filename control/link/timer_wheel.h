// A hierarchical timer wheel over numbered entries: schedule, move and cancel in constant time, no
// allocation after construction, and a bound on the work of one turn.
//
//   level 0:  256 slots of 10 ms        (2.56 s)
//   level 1:  256 slots of 2.56 s       (655 s)
//   level 2:  256 slots of 655 s        (46 h; what is further away goes round again)
//
// An entry hangs in a doubly linked list; when level 0 has gone round, one slot of level 1 is dealt
// out over it. Time is milliseconds as 64 bits and never wraps. Owned by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace control::link {

class TimerWheel {
 public:
  static constexpr uint64_t kTickMs = 10;

  TimerWheel(size_t entries, uint64_t now_ms);

  // Entry `id` is due at the first tick that is not before `at_ms`; an earlier schedule is
  // replaced.
  void schedule(uint32_t id, uint64_t at_ms);
  void cancel(uint32_t id);
  bool scheduled(uint32_t id) const { return nodes_[id].next != kNone; }

  // Moves time on and calls due(id) for each entry that is due, unscheduled before the call. At
  // most `budget` entries are touched; true: time has arrived at now_ms, false: call again.
  template <class Due>
  bool advance(uint64_t now_ms, size_t budget, Due due) {
    uint64_t target = now_ms / kTickMs;
    while (true) {
      if (!deal_out(budget)) return false;
      uint32_t head = head_of(0, tick_ & kSlotMask);
      while (nodes_[head].next != head) {
        if (budget-- == 0) return false;
        uint32_t id = nodes_[head].next;
        unlink(id);
        due(id);
      }
      if (tick_ >= target) return true;
      ++tick_;
      dealt_ = 0;
    }
  }

 private:
  static constexpr size_t kLevels = 3;
  static constexpr size_t kSlots = 256;
  static constexpr uint64_t kSlotMask = kSlots - 1;
  static constexpr uint32_t kNone = 0xffffffff;

  struct Node {
    uint32_t prev = kNone;
    uint32_t next = kNone;
    uint64_t tick = 0;
  };

  uint32_t head_of(size_t level, uint64_t slot) const {
    return static_cast<uint32_t>(entries_ + level * kSlots + slot);
  }
  void link(uint32_t id);
  void unlink(uint32_t id);
  bool deal_out(size_t& budget);

  size_t entries_;
  std::vector<Node> nodes_;  // the entries, then the slot heads
  uint64_t tick_;            // being worked on
  size_t dealt_ = 0;         // levels already dealt out at this tick
};

}  // namespace control::link
