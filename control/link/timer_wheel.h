// A hierarchical timer wheel over numbered entries: schedule, move and cancel in constant time, no
// allocation after construction, and a bound on the work of one turn.
//
//   level 0:  256 slots of 10 ms        (2.56 s)
//   level 1:  256 slots of 2.56 s       (655 s)
//   level 2:  256 slots of 655 s        (46 h; what is further away goes round again)
//
// An entry hangs in a doubly linked list; when level 0 has gone round, one slot of level 1 is dealt
// out over it. Most entries that are far away are so by one of a few constant durations (32 s, 5
// s): they come in the order in which they end, and wait in a queue instead, which is never dealt
// out. Time is milliseconds as 64 bits and never wraps. Owned by one thread.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "control/link/huge_vector.h"

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
  // For an entry that will be scheduled or cancelled soon.
  void prefetch(uint32_t id) const { __builtin_prefetch(&nodes_[id], 1); }

  // The first of those that wait for about so long, and that wanted(id) says is wanted; at most
  // `most` are looked at. kNone: none.
  template <class Wanted>
  uint32_t first_waiting(uint64_t duration_ms, size_t most, Wanted wanted) const {
    uint64_t away = duration_ms / kTickMs;
    if (!has_queue(away)) return kNone;
    uint32_t head = head_for(away), id = nodes_[head].next;
    for (; id != head && most > 0; id = nodes_[id].next, --most) {
      if (wanted(id)) return id;
    }
    return kNone;
  }

  // Moves time on and calls due(id) for each entry that is due, unscheduled before the call. At
  // most `budget` entries are touched; true: time has arrived at now_ms, false: call again.
  template <class Due>
  bool advance(uint64_t now_ms, size_t budget, Due due) {
    return advance(now_ms, budget, due, [](uint32_t, uint32_t) {});
  }
  // Also calls ahead(next, after_next) before due(): what will be due soon, most probably, so that
  // its memory can be asked for. Either may be kNone.
  template <class Due, class Ahead>
  bool advance(uint64_t now_ms, size_t budget, Due due, Ahead ahead) {
    uint64_t target = now_ms / kTickMs;
    while (true) {
      if (linked_ == 0 && target > tick_) {  // nothing to meet on the way
        tick_ = target;
        dealt_ = 0;
      }
      if (!deal_out(budget)) return false;
      if (!run_list(head_of(0, tick_ & kSlotMask), budget, due, ahead)) return false;
      for (size_t queue = 0; queue < kQueues; ++queue) {
        if (!run_list(head_of_queue(queue), budget, due, ahead)) return false;
      }
      if (tick_ >= target) return true;
      ++tick_;
      dealt_ = 0;
    }
  }

  static constexpr uint32_t kNone = 0xffffffff;

 private:
  static constexpr size_t kLevels = 3;
  static constexpr size_t kSlots = 256;
  static constexpr uint64_t kSlotMask = kSlots - 1;
  static constexpr size_t kQueues = 8;  // durations of 2.56 s, 5.12 s, 10.24 s ... to their double

  struct Node {
    uint32_t prev = kNone;
    uint32_t next = kNone;
    uint64_t tick = 0;
  };

  uint32_t head_of(size_t level, uint64_t slot) const {
    return static_cast<uint32_t>(entries_ + level * kSlots + slot);
  }
  uint32_t head_of_queue(size_t queue) const { return head_of(kLevels, queue); }
  static bool has_queue(uint64_t away) { return away >= kSlots && away < kSlots << kQueues; }
  uint32_t head_for(uint64_t away) const {
    return head_of_queue(static_cast<size_t>(std::bit_width(away / kSlots)) - 1);
  }
  uint32_t entry(uint32_t node) const { return node < entries_ ? node : kNone; }

  // What is due at the front of a list; in a slot of level 0 that is all of it. False: no budget.
  template <class Due, class Ahead>
  bool run_list(uint32_t head, size_t& budget, Due& due, Ahead& ahead) {
    for (uint32_t id = nodes_[head].next; id != head && nodes_[id].tick <= tick_;
         id = nodes_[head].next) {
      if (budget-- == 0) {
        budget = 0;
        return false;
      }
      uint32_t next = nodes_[id].next, after_next = nodes_[next].next;
      __builtin_prefetch(&nodes_[after_next], 1);
      ahead(entry(next), next == head ? kNone : entry(after_next));
      unlink(id);
      due(id);
    }
    return true;
  }
  bool enqueue(uint32_t id, uint64_t away);
  void append(uint32_t head, uint32_t id);
  void link(uint32_t id);
  void unlink(uint32_t id);
  bool deal_out(size_t& budget);

  size_t entries_;
  HugeVector<Node> nodes_;  // the entries, then the slot heads
  size_t linked_ = 0;       // entries scheduled
  uint64_t tick_;           // being worked on
  size_t dealt_ = 0;        // levels already dealt out at this tick
};

}  // namespace control::link
