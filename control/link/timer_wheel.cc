#include "control/link/timer_wheel.h"

#include <algorithm>

namespace control::link {

TimerWheel::TimerWheel(size_t entries, uint64_t now_ms)
    : entries_(entries), nodes_(entries + kLevels * kSlots + kQueues), tick_(now_ms / kTickMs) {
  for (size_t head = entries; head < nodes_.size(); ++head) {
    nodes_[head].prev = nodes_[head].next = static_cast<uint32_t>(head);
  }
}

void TimerWheel::schedule(uint32_t id, uint64_t at_ms) {
  if (scheduled(id)) unlink(id);
  nodes_[id].tick = std::max((at_ms + kTickMs - 1) / kTickMs, tick_ + 1);
  link(id);
}

void TimerWheel::cancel(uint32_t id) {
  if (scheduled(id)) unlink(id);
}

void TimerWheel::append(uint32_t head, uint32_t id) {
  uint32_t last = nodes_[head].prev;
  nodes_[id].prev = last;
  nodes_[id].next = head;
  nodes_[last].next = id;
  nodes_[head].prev = id;
  ++linked_;
}

// Into the queue for such a duration, if it ends no earlier than the last one there.
bool TimerWheel::enqueue(uint32_t id, uint64_t away) {
  if (!has_queue(away)) return false;
  uint32_t head = head_for(away);
  uint32_t last = nodes_[head].prev;
  if (last != head && nodes_[last].tick > nodes_[id].tick) return false;
  append(head, id);
  return true;
}

void TimerWheel::link(uint32_t id) {
  uint64_t tick = nodes_[id].tick;
  uint64_t away = tick - tick_;
  if (enqueue(id, away)) return;
  size_t level = away < kSlots ? 0 : away < kSlots * kSlots ? 1 : 2;
  uint64_t furthest = tick_ + kSlots * kSlots * (kSlots - 1);
  uint64_t slot = std::min(tick, furthest) >> (8 * level) & kSlotMask;
  append(head_of(level, slot), id);
}

void TimerWheel::unlink(uint32_t id) {
  Node& node = nodes_[id];
  nodes_[node.prev].next = node.next;
  nodes_[node.next].prev = node.prev;
  node.prev = node.next = kNone;
  --linked_;
}

// When the lower levels have gone round, one slot of the next level is spread over them.
bool TimerWheel::deal_out(size_t& budget) {
  while (dealt_ + 1 < kLevels) {
    size_t level = kLevels - 1 - dealt_;
    if ((tick_ & ((uint64_t{1} << (8 * level)) - 1)) == 0) {
      uint32_t head = head_of(level, tick_ >> (8 * level) & kSlotMask);
      uint32_t last = nodes_[head].prev;  // what goes round again is linked behind it
      while (nodes_[head].next != head) {
        if (budget == 0) return false;
        --budget;
        uint32_t id = nodes_[head].next;
        unlink(id);
        link(id);
        if (id == last) break;
      }
    }
    ++dealt_;
  }
  return true;
}

}  // namespace control::link
