#include "sipcore/grammar/name_addr.h"

#include "sipcore/grammar/params.h"

namespace sipcore {
namespace {

// Moves over header parameters; false where one is malformed.
bool take_params(Cursor& cursor, NameAddr& out) {
  size_t start = cursor.position();
  bool broken = false, has_tag = false;
  Param param;
  while (take_param(cursor, param, broken)) {
    if (has_tag || !is_word(param.name, "tag")) continue;
    out.tag = param.value;
    has_tag = true;
  }
  out.params = cursor.since(start);
  cursor.skip_lws();
  return !broken && (cursor.done() || cursor.peek() == ',');
}

bool take_bracketed(Cursor& cursor, NameAddr& out) {
  if (!cursor.take('<')) return false;
  std::string_view text = cursor.take_until('>');
  return cursor.take('>') && parse_uri(text, out.uri);
}

// The value has no "<" before its end: a bare addr-spec, which holds no ";", "?" or ",".
bool take_addr_spec(Cursor& cursor, NameAddr& out) {
  std::string_view text = cursor.take_class(kAddrSpecChar);
  return cursor.peek() != '?' && parse_uri(text, out.uri);
}

bool take(Cursor& cursor, NameAddr& out) {
  cursor.skip_lws();
  size_t start = cursor.position();
  if (cursor.peek() == '"') {
    auto quoted = cursor.take_quoted();
    if (!quoted) return false;
    out.display = *quoted;
    cursor.skip_lws();
    if (!take_bracketed(cursor, out)) return false;
  } else {
    Cursor ahead = cursor;
    std::string_view before = ahead.take_class(kBeforeAngleChar);
    bool bracketed = ahead.peek() == '<';
    if (bracketed) {
      out.display = trim(before);
      cursor = ahead;
    }
    if (bracketed ? !take_bracketed(cursor, out) : !take_addr_spec(cursor, out)) return false;
  }
  if (!take_params(cursor, out)) return false;
  out.text = trim(cursor.since(start));
  return true;
}

}  // namespace

std::optional<NameAddr> take_name_addr(Cursor& cursor) {
  std::optional<NameAddr> out(std::in_place);
  if (!take(cursor, *out)) out.reset();
  return out;
}

std::optional<NameAddr> parse_name_addr(std::string_view value) {
  Cursor cursor(value);
  std::optional<NameAddr> out(std::in_place);
  if (!take(cursor, *out) || !cursor.done()) out.reset();
  return out;
}

}  // namespace sipcore
