#include "dataplane/core/glance.h"

#include "sipcore/grammar/char_run.h"
#include "sipcore/grammar/find_field.h"

namespace dataplane {
namespace {

using sipcore::find_char;
using sipcore::find_either;
using sipcore::is_lws;

// Not a response, nor a request that never does.
bool may_begin_something(std::string_view message) {
  for (std::string_view other : {"SIP/", "ACK ", "CANCEL ", "BYE "}) {
    if (message.starts_with(other)) return false;
  }
  return true;
}

// Behind what is quoted or in angle brackets.
bool has_tag(std::string_view value) {
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

// `to`: the message from the value of To on. Most values have no parameter in their first line, and
// that one is all.
bool mentions_tag(std::string_view to) {
  size_t at = find_either(to, 0, ';', '\n');
  bool ends = at == to.size() || (to[at] == '\n' && !sipcore::continues(to, at));
  return !ends && has_tag(sipcore::whole_value(to));
}

}  // namespace

bool is_new_request(std::string_view message) {
  message = sipcore::skip_empty_lines(message);
  if (!may_begin_something(message)) return false;
  std::string_view to = sipcore::find_field(message, sipcore::kToName);
  return !to.empty() && !mentions_tag(to);
}

bool names_call(std::string_view message) {
  return mentions_tag(sipcore::find_field(message, sipcore::kToName));
}

std::string_view user_agent(std::string_view message) {
  std::string_view rest = sipcore::find_field(message, sipcore::kUserAgentName);
  return sipcore::trim(sipcore::whole_value(rest));
}

}  // namespace dataplane
