#include "sipcore/grammar/params.h"

namespace sipcore {
namespace {

// gen-value: token, host or quoted-string (RFC 3261 25.1).
bool take_value(Cursor& cursor, Param& param) {
  param.has_value = true;
  if (cursor.peek() == '"') {
    auto quoted = cursor.take_quoted();
    if (quoted) param.value = *quoted;
    return quoted.has_value();
  }
  param.value = cursor.take_class(kParamValueChar);
  return !param.value.empty();
}

}  // namespace

bool take_param(Cursor& cursor, Param& param, bool& broken) {
  cursor.skip_lws();
  if (!cursor.take(';')) return false;
  cursor.skip_lws();
  param = {.name = cursor.take_token()};
  broken = param.name.empty();
  if (broken) return false;
  Cursor ahead = cursor;  // the LWS before a missing "=" belongs to whatever comes next
  ahead.skip_lws();
  if (!ahead.take('=')) return true;
  ahead.skip_lws();
  cursor = ahead;
  broken = !take_value(cursor, param);
  return !broken;
}

}  // namespace sipcore
