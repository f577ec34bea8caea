#include "sipcore/grammar/glance.h"

#include "sipcore/grammar/char_run.h"
#include "sipcore/grammar/find_field.h"

namespace sipcore {
namespace {

bool is_response(std::string_view message) {
  return message.size() > 3 && message[3] == '/' && is_word(message.substr(0, 3), "sip");
}

bool may_begin_something(std::string_view message) {
  for (std::string_view never : {"ACK ", "CANCEL ", "BYE "}) {
    if (message.starts_with(never)) return false;
  }
  return !is_response(message);
}

size_t skip_lws(std::string_view text, size_t at) {
  while (at < text.size() && is_lws(text[at])) ++at;
  return at;
}

// `at`: behind the name of a parameter.
bool has_value(std::string_view text, size_t at) {
  at = skip_lws(text, at);
  if (at == text.size() || text[at] != '=') return false;
  return skip_lws(text, at + 1) < text.size();
}

// Behind what is quoted or in angle brackets. Of several tags the first one counts, and one without
// a value is none.
bool has_tag(std::string_view value) {
  for (size_t at = 0; at < value.size(); ++at) {
    if (value[at] == '"') {
      for (++at; at < value.size() && value[at] != '"'; ++at) at += value[at] == '\\';
    } else if (value[at] == '<') {
      at = find_char(value, at, '>');
    } else if (value[at] == ';') {
      size_t name = skip_lws(value, at + 1);
      bool longer = name + 3 < value.size() && is(value[name + 3], kTokenChar);
      if (!longer && is_word(value.substr(name, 3), "tag")) return has_value(value, name + 3);
    }
  }
  return false;
}

// `to`: the message from the value of To on. Most values have no parameter in their first line, and
// that one is all.
bool mentions_tag(std::string_view to) {
  size_t at = find_either(to, 0, ';', '\n');
  bool ends = at == to.size() || (to[at] == '\n' && !continues(to, at));
  return !ends && has_tag(whole_value(to));
}

}  // namespace

bool is_new_request(std::string_view message) {
  message = skip_empty_lines(message);
  if (!may_begin_something(message)) return false;
  std::string_view to = find_field(message, kToName);
  return !to.empty() && !mentions_tag(to);
}

std::string_view agent_of_newcomer(std::string_view message) {
  message = skip_empty_lines(message);
  if (is_response(message) || message.starts_with("ACK ") || message.starts_with("CANCEL ")) {
    return {};
  }
  if (mentions_tag(find_field(message, kToName))) return {};
  return trim(whole_value(find_field(message, kUserAgentName)));
}

}  // namespace sipcore
