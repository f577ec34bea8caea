#include "sipcore/grammar/params.h"

namespace sipcore {
namespace {

// gen-value: token, host or quoted-string. Hosts bring "[", "]" and ":" along.
constexpr bool is_value_char(char c) {
  return is(c, kTokenChar) || c == '[' || c == ']' || c == ':';
}

bool take_value(Cursor& cursor, Param& param) {
  param.has_value = true;
  if (cursor.peek() == '"') {
    auto quoted = cursor.take_quoted();
    if (quoted) param.value = *quoted;
    return quoted.has_value();
  }
  size_t start = cursor.position();
  while (is_value_char(cursor.peek())) cursor.take(cursor.peek());
  param.value = cursor.since(start);
  return !param.value.empty();
}

}  // namespace

std::optional<Param> take_param(Cursor& cursor, bool& broken) {
  cursor.skip_lws();
  if (!cursor.take(';')) return std::nullopt;
  cursor.skip_lws();
  Param param;
  param.name = cursor.take_token();
  broken = param.name.empty();
  if (broken) return std::nullopt;
  Cursor ahead = cursor;  // the LWS before a missing "=" belongs to whatever comes next
  ahead.skip_lws();
  if (!ahead.take('=')) return param;
  ahead.skip_lws();
  cursor = ahead;
  broken = !take_value(cursor, param);
  if (broken) return std::nullopt;
  return param;
}

std::optional<Param> find_param(std::string_view params, std::string_view name) {
  Cursor cursor(params);
  bool broken = false;
  while (auto param = take_param(cursor, broken)) {
    if (equal_nocase(param->name, name)) return param;
  }
  return std::nullopt;
}

}  // namespace sipcore
