#include "dataplane/core/overload.h"

#include "sipcore/grammar/char_run.h"

namespace dataplane {
namespace {

using sipcore::find_char;
using sipcore::is_lws;

// A To field, or its compact form.
bool is_to(std::string_view line) {
  if (line.empty() || sipcore::lower(line.front()) != 't') return false;
  size_t name = line.size() > 1 && sipcore::lower(line[1]) == 'o' ? 2 : 1;
  while (name < line.size() && is_lws(line[name])) ++name;
  return name < line.size() && line[name] == ':';
}

bool mentions_tag(std::string_view value) {
  for (size_t at = find_char(value, 0, ';'); at < value.size(); at = find_char(value, at, ';')) {
    ++at;
    while (at < value.size() && is_lws(value[at])) ++at;
    if (sipcore::is_word(value.substr(at, 3), "tag")) return true;
  }
  return false;
}

}  // namespace

void Overload::note(bool more, uint64_t now_ms) {
  if (!more) {
    shedding_ = false;
    backlog_ms_ = 0;
  }
  if (now_ms == now_ms_) return;
  now_ms_ = now_ms;
  bool again = overload_ms_ > 0 && now_ms - last_ms_ < kAgainMs;
  overload_ms_ = again ? overload_ms_ + 1 : 0;
  if (!more) return;
  ++backlog_ms_;  // however long this turn was: a pause is no backlog
  if (backlog_ms_ < (again ? kPatienceAgainMs : kPatienceMs)) return;
  shedding_ = backlog_ms_ % kLetInEveryMs != 0;
  last_ms_ = now_ms;
  if (overload_ms_ == 0) overload_ms_ = 1;
  refusals_ = overload_ms_ >= kLastingMs ? kRefusalsPerMs : 0;
}

Overload::Verdict Overload::judge() {
  if (refusals_ == 0) return Verdict::kDrop;
  --refusals_;
  return Verdict::kRefuse;
}

bool is_new_request(std::string_view message) {
  for (std::string_view other : {"SIP/", "ACK ", "CANCEL ", "BYE "}) {
    if (message.starts_with(other)) return false;
  }
  size_t line = find_char(message, 0, '\n') + 1;
  while (line < message.size() && message[line] != '\r') {
    size_t end = find_char(message, line, '\n');
    if (is_to(message.substr(line, end - line))) {
      while (end + 1 < message.size() && (message[end + 1] == ' ' || message[end + 1] == '\t')) {
        end = find_char(message, end + 1, '\n');
      }
      return !mentions_tag(message.substr(line, end - line));
    }
    line = end + 1;
  }
  return false;
}

}  // namespace dataplane
