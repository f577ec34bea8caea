#include "sipcore/grammar/name_addr.h"

#include "sipcore/grammar/params.h"
#include "sipcore/grammar/uri.h"

namespace sipcore {
namespace {

// Moves over header parameters; false where one is malformed.
bool take_params(Cursor& cursor, std::string_view& params) {
  size_t start = cursor.position();
  bool broken = false;
  while (take_param(cursor, broken)) {
  }
  params = cursor.since(start);
  cursor.skip_lws();
  return !broken && (cursor.done() || cursor.peek() == ',');
}

bool take_bracketed(Cursor& cursor, NameAddr& out) {
  if (!cursor.take('<')) return false;
  out.uri = cursor.take_until(">");
  return cursor.take('>') && parse_uri(out.uri).has_value();
}

// The value has no "<" before its end: a bare addr-spec, which holds no ";", "?" or ",".
bool take_addr_spec(Cursor& cursor, NameAddr& out) {
  out.uri = trim(cursor.take_until(";,? \t\r\n"));
  return cursor.peek() != '?' && parse_uri(out.uri).has_value();
}

}  // namespace

std::optional<NameAddr> take_name_addr(Cursor& cursor) {
  cursor.skip_lws();
  NameAddr out;
  size_t start = cursor.position();
  if (cursor.peek() == '"') {
    auto quoted = cursor.take_quoted();
    if (!quoted) return std::nullopt;
    out.display = *quoted;
    cursor.skip_lws();
    if (!take_bracketed(cursor, out)) return std::nullopt;
  } else {
    Cursor ahead = cursor;
    std::string_view before = ahead.take_until("<>\";");
    if (ahead.peek() == '<') {
      out.display = trim(before);
      cursor = ahead;
      if (!take_bracketed(cursor, out)) return std::nullopt;
    } else if (!take_addr_spec(cursor, out)) {
      return std::nullopt;
    }
  }
  if (!take_params(cursor, out.params)) return std::nullopt;
  out.text = trim(cursor.since(start));
  return out;
}

std::optional<NameAddr> parse_name_addr(std::string_view value) {
  Cursor cursor(value);
  auto out = take_name_addr(cursor);
  if (!cursor.done()) return std::nullopt;
  return out;
}

}  // namespace sipcore
