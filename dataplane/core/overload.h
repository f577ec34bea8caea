// What a worker does when more comes in than it can take: it turns new requests away, as many as it
// must, before they are read. What belongs to a call goes on, for a message of a call that is lost
// costs more than it saves: it comes again, and so do those that wait for it. One for what comes by
// the ports and one for what other workers hand over, so that neither starves the other.
//
// Behind a burst that comes back full there is more. Where that goes on for 20 ms, longer than a
// pause of the machine takes to make up for, new requests are turned away until the end of the
// queue is seen. While half of the last milliseconds were without an end, or had one only because
// requests were turned away, two full ones are enough: what is let in brings more, and that has to
// come in before the ring is full. What comes in heaps is let in whole if it is smaller than that.
// A millisecond of which the worker rested a tenth is no such one. Where the end does not come, a
// few are let in each millisecond.
// Where less than a sixteenth of what comes in could be turned away (of calls it is a sixth), the
// load is of another kind: nobody is turned away. Those who are trusted are not, as long as it is
// strangers who send most of the new requests and the end of the queue is seen without it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dataplane {

class Overload {
 public:
  enum class Verdict : uint8_t { kAdmit, kRefuse, kDrop };

  // What the bursts of a turn showed of the queue: more behind a full one, its end, or neither.
  enum class Queue : uint8_t { kMore, kUnknown, kEnd };

  // Once a turn; `rested_us`: for so long before it the worker had nothing to do.
  void note(Queue queue, uint64_t rested_us, uint64_t now_ms);
  bool shedding() const { return shedding_; }
  // So many packets came in that are not the kernel's, good or bad.
  void took(size_t packets) { messages_ += shedding_ ? static_cast<uint32_t>(packets) : 0; }
  // For each message while shedding, before anything is checked: it is dropped, as most new
  // requests are, to come again on a better day.
  bool drops(bool is_new, bool trusted = false) {
    if (!is_new) return false;
    ++new_requests_;
    strangers_ += !trusted;
    if (trusted && spares_trusted()) return false;
    bool drop = let_in_ == 0 && refusals_ == 0;
    shed_ |= drop;
    return drop;
  }
  // For what is not dropped and good enough to be read. A few new requests are let in; where it
  // lasts, as many as cost little are refused, so that their callers go elsewhere. What is not
  // known to be one is to be dropped if it turns out to be.
  Verdict judge(bool is_new, bool trusted = false);

 private:
  static constexpr uint64_t kPatienceMs = 20;
  static constexpr uint32_t kPatienceBusyTurns = 2;
  static constexpr uint64_t kEndlessMs = 20;
  static constexpr uint32_t kLetInPerMs = 16;
  static constexpr uint64_t kLastingMs = 1000;
  static constexpr uint32_t kRefusalsPerMs = 32;    // 32,000/s, some 3 % of a worker's time
  static constexpr uint32_t kTooManyToTell = 1000;  // in a millisecond: hardly one would hear it
  static constexpr uint32_t kFewRefusalsPerMs = 2;
  static constexpr uint32_t kLeastShare = 16;  // one new request in so many messages
  static constexpr uint64_t kUselessMs = 100;  // no shedding for so long, then it is tried again
  static constexpr uint32_t kMemoryMs = 16;    // for the share of new requests
  static constexpr uint32_t kEnoughToTell = 64;
  static constexpr uint64_t kRestUs = 100;  // in a millisecond: who rests is not busy
  static constexpr int32_t kAlways = 1 << 16;
  static constexpr int32_t kWindowMs = 64;

  bool busy() const { return busy_ >= kAlways / 2; }
  bool spares_trusted() const {
    bool strangers = new_requests_ < kEnoughToTell || strangers_ * 2 >= new_requests_;
    return strangers && shedding_ms_ < kEndlessMs;
  }
  void next_ms(bool more, uint64_t now_ms);

  uint64_t now_ms_ = 0;
  uint64_t backlog_ms_ = 0;   // for so long each burst was full
  uint32_t full_turns_ = 0;   // since the end was seen
  uint64_t shedding_ms_ = 0;  // for so long at a stretch
  uint32_t let_in_ = 0;       // left in this millisecond
  uint64_t lasting_ms_ = 0;   // for so long it has been busy
  int32_t busy_ = 0;          // share of the last milliseconds that were
  uint64_t useless_until_ms_ = 0;
  uint32_t refusals_ = 0;      // left in this millisecond
  uint32_t messages_ = 0;      // while shedding, of the last milliseconds
  uint32_t new_requests_ = 0;  // of them
  uint32_t strangers_ = 0;     // of these, from those who are not trusted
  bool saw_end_ = true;        // of the queue, in this millisecond
  bool saw_more_ = false;      // behind a full burst, in this millisecond
  bool shed_ = false;          // somebody was turned away in this millisecond
  uint64_t rested_us_ = 0;     // in this millisecond
  bool shedding_ = false;
};

}  // namespace dataplane
