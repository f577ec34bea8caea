#include "dataplane/core/overload.h"

#include <cstring>

#include "sipcore/grammar/char_run.h"

namespace dataplane {
namespace {

using sipcore::find_char;
using sipcore::is_lws;

// Within a line.
bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Whether a To field begins here, or its compact form.
bool begins_to(std::string_view rest) {
  if (sipcore::lower(rest.front()) != 't') return false;
  size_t name = rest.size() > 1 && sipcore::lower(rest[1]) == 'o' ? 2 : 1;
  while (name < rest.size() && is_blank(rest[name])) ++name;
  return name < rest.size() && rest[name] == ':';
}

// From its begin to the end of the last line that continues it.
std::string_view whole_field(std::string_view rest) {
  size_t end = find_char(rest, 0, '\n');
  while (end + 1 < rest.size() && is_blank(rest[end + 1])) end = find_char(rest, end + 1, '\n');
  return rest.substr(0, end);
}

// A bit for each line feed in the 64 bytes from `at` on. What is behind the text has none.
uint64_t line_feeds(std::string_view text, size_t at) {
  if (text.size() - at >= sipcore::kMarks) return sipcore::marks_of(text.data() + at, '\n');
  char tail[sipcore::kMarks] = {};
  std::memcpy(tail, text.data() + at, text.size() - at);
  return sipcore::marks_of(tail, '\n');
}

// Empty: there is none. In a flood this is most of what is done, so lines are found 64 bytes at a
// time, without a branch for each step.
std::string_view find_to(std::string_view message) {
  for (size_t at = 0; at < message.size(); at += sipcore::kMarks) {
    for (uint64_t feeds = line_feeds(message, at); feeds != 0; feeds &= feeds - 1) {
      std::string_view rest = message.substr(at + static_cast<size_t>(std::countr_zero(feeds)) + 1);
      if (rest.empty() || rest.front() == '\r') return {};
      if (begins_to(rest)) return whole_field(rest);
    }
  }
  return {};
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
  refusals_ = lasting_ms_ >= kLastingMs ? kRefusalsPerMs : 0;
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
  while (message.starts_with("\r\n")) message.remove_prefix(2);
  for (std::string_view other : {"SIP/", "ACK ", "CANCEL ", "BYE "}) {
    if (message.starts_with(other)) return false;
  }
  std::string_view to = find_to(message);
  return !to.empty() && !mentions_tag(to);
}

}  // namespace dataplane
