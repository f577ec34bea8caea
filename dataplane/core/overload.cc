#include "dataplane/core/overload.h"

namespace dataplane {

void Overload::note(Queue queue, uint64_t rested_us, uint64_t now_ms) {
  if (now_ms != now_ms_) next_ms(queue == Queue::kMore, now_ms);
  rested_us_ += rested_us;
  if (queue == Queue::kEnd) {
    saw_end_ = true;
    shedding_ = false;
    backlog_ms_ = shedding_ms_ = full_turns_ = 0;
  } else if (queue == Queue::kMore) {
    saw_more_ = true;
    ++full_turns_;
    bool enough = busy() ? full_turns_ >= kPatienceBusyTurns : backlog_ms_ >= kPatienceMs;
    shedding_ = enough && now_ms >= useless_until_ms_;
  }
}

void Overload::next_ms(bool more, uint64_t now_ms) {
  now_ms_ = now_ms;  // however long this turn was: a pause is no backlog
  bool was_busy = saw_more_ && (!saw_end_ || shed_) && rested_us_ < kRestUs;
  busy_ += ((was_busy ? kAlways : 0) - busy_) / kWindowMs;
  saw_more_ = saw_end_ = shed_ = false;
  rested_us_ = 0;
  if (messages_ >= kEnoughToTell && new_requests_ * kLeastShare < messages_) {
    useless_until_ms_ = now_ms + kUselessMs;
    messages_ = new_requests_ = strangers_ = 0;
    shedding_ = false;
  }
  messages_ -= messages_ / kMemoryMs;
  new_requests_ -= new_requests_ / kMemoryMs;
  strangers_ -= strangers_ / kMemoryMs;
  lasting_ms_ = busy() ? lasting_ms_ + 1 : 0;
  backlog_ms_ += more;
  shedding_ms_ = shedding_ ? shedding_ms_ + 1 : 0;
  bool too_many = new_requests_ / kMemoryMs > kTooManyToTell;
  refusals_ = lasting_ms_ < kLastingMs ? 0 : too_many ? kFewRefusalsPerMs : kRefusalsPerMs;
  let_in_ = shedding_ms_ >= kEndlessMs ? kLetInPerMs : 0;
}

Overload::Verdict Overload::judge(bool is_new, bool trusted) {
  if (!is_new) return Verdict::kDrop;
  if (trusted && spares_trusted()) return Verdict::kAdmit;
  if (let_in_ > 0) {
    --let_in_;
    return Verdict::kAdmit;
  }
  shed_ = true;
  if (refusals_ == 0) return Verdict::kDrop;
  --refusals_;
  return Verdict::kRefuse;
}

}  // namespace dataplane
