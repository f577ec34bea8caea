#include "dataplane/core/overload.h"

#include "sipcore/grammar/char_run.h"
#include "sipcore/grammar/find_field.h"

namespace dataplane {
namespace {

using sipcore::find_char;
using sipcore::is_lws;

// Not a response, nor a request that never does.
bool may_begin_something(std::string_view message) {
  for (std::string_view other : {"SIP/", "ACK ", "CANCEL ", "BYE "}) {
    if (message.starts_with(other)) return false;
  }
  return true;
}

// Behind what is quoted or in angle brackets.
bool mentions_tag(std::string_view value) {
  if (find_char(value, 0, ';') == value.size()) return false;
  for (size_t at = 0; at < value.size(); ++at) {
    if (value[at] == '"') {
      for (++at; at < value.size() && value[at] != '"'; ++at) at += value[at] == '\\';
    } else if (value[at] == '<') {
      at = find_char(value, at, '>');
    } else if (value[at] == ';') {
      while (at + 1 < value.size() && is_lws(value[at + 1])) ++at;
      std::string_view rest = value.substr(at + 1);
      bool longer = rest.size() > 3 && sipcore::is(rest[3], sipcore::kTokenChar);
      if (!longer && sipcore::is_word(rest.substr(0, 3), "tag")) return true;
    }
  }
  return false;
}

}  // namespace

void Overload::note(Queue queue, bool idle, uint64_t now_ms) {
  if (now_ms != now_ms_) next_ms(queue == Queue::kMore, now_ms);
  idle_turns_ += idle;
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
  bool was_busy = saw_more_ && (!saw_end_ || shed_) && idle_turns_ < kRest;
  busy_ += ((was_busy ? kAlways : 0) - busy_) / kWindowMs;
  saw_more_ = saw_end_ = shed_ = false;
  idle_turns_ = 0;
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

bool Overload::drops(bool is_new, bool trusted) {
  if (!is_new) return false;
  ++new_requests_;
  strangers_ += !trusted;
  if (trusted && spares_trusted()) return false;
  bool drop = let_in_ == 0 && refusals_ == 0;
  shed_ |= drop;
  return drop;
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

bool is_new_request(std::string_view message) {
  message = sipcore::skip_empty_lines(message);
  if (!may_begin_something(message)) return false;
  std::string_view to = sipcore::find_field(message, sipcore::kToName);
  return !to.empty() && !mentions_tag(sipcore::whole_value(to));
}

}  // namespace dataplane
