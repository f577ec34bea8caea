#include "sipcore/grammar/uri.h"

#include "sipcore/grammar/cursor.h"
#include "sipcore/grammar/ip.h"
#include "sipcore/grammar/number.h"

namespace sipcore {
namespace {

// user [":" password] "@"
bool take_userinfo(Cursor& cursor, Uri& uri) {
  uri.user = cursor.take_escaped(kUserChar);
  uri.has_user = true;
  if (cursor.take(':')) uri.password = cursor.take_escaped(kUserChar);
  return !uri.user.empty() && cursor.take('@');
}

bool take_port(Cursor& cursor, Uri& uri) {
  if (!cursor.take(':')) return true;
  auto port = parse_number(cursor.take_class(kDigitChar), 65535);
  uri.port = static_cast<uint16_t>(port.value_or(0));
  return port.has_value();
}

// A user part without password, which is most of them: true if there was one.
bool take_plain_user(Cursor& cursor, Uri& uri) {
  Cursor ahead = cursor;
  std::string_view user = ahead.take_escaped(kUserChar);
  if (user.empty() || !ahead.take('@')) return false;
  uri.user = user;
  uri.has_user = true;
  cursor = ahead;
  return true;
}

// After "sip:". "@" may not occur behind the user part unescaped, "?" and ";" may occur within it.
bool take_sip(Cursor& cursor, Uri& uri) {
  if (!take_plain_user(cursor, uri) && cursor.has_ahead('@') && !take_userinfo(cursor, uri)) {
    return false;
  }
  if (!take_host(cursor, uri.host) || !take_port(cursor, uri)) return false;
  if (cursor.peek() == ';') uri.params = cursor.take_escaped(kUriParamsChar);
  if (cursor.take('?')) {
    uri.headers = cursor.take_escaped(kUriHeadersChar);
    uri.has_headers = true;
  }
  return cursor.done();
}

bool take_tel(Cursor& cursor, Uri& uri) {
  uri.user = cursor.take_escaped(kTelChar);
  size_t start = cursor.position();
  if (cursor.peek() == ';') {
    do {
      cursor.take_escaped(kUriParamsChar);
    } while (cursor.take('?'));
  }
  uri.params = cursor.since(start);
  return !uri.user.empty() && cursor.done();
}

bool valid_scheme(std::string_view scheme) {
  for (char c : scheme) {
    if (!is(c, kAlphaChar) && !is(c, kDigitChar) && c != '+' && c != '-' && c != '.') return false;
  }
  return !scheme.empty() && is(scheme.front(), kAlphaChar);
}

bool valid_absolute(std::string_view rest) {
  if (rest.empty()) return false;
  for (char c : rest) {
    if (c <= ' ' || c == '<' || c == '>' || c == '"' || c == 0x7f) return false;
  }
  return true;
}

}  // namespace

bool take_host(Cursor& cursor, std::string_view& host) {
  if (cursor.peek() != '[') {
    host = cursor.take_class(kHostChar);
    return !host.empty();
  }
  size_t start = cursor.position();
  cursor.take_until(']');
  bool closed = cursor.take(']');
  host = cursor.since(start);
  return closed && parse_ip(host).has_value();
}

bool parse_uri(std::string_view text, Uri& out) {
  out.text = text;
  Cursor cursor(text);
  if (text.size() >= 4 && text[3] == ':' && is_word(text.substr(0, 3), "sip")) {
    out.scheme = Scheme::kSip;
    cursor.skip(4);
    return take_sip(cursor, out);
  }
  std::string_view scheme = cursor.take_until(':');
  if (!cursor.take(':')) return false;
  if (is_word(scheme, "sips")) {
    out.scheme = Scheme::kSips;
    return take_sip(cursor, out);
  }
  if (is_word(scheme, "tel")) {
    out.scheme = Scheme::kTel;
    return take_tel(cursor, out);
  }
  return valid_scheme(scheme) && valid_absolute(cursor.rest());
}

std::optional<Uri> parse_uri(std::string_view text) {
  std::optional<Uri> uri(std::in_place);
  if (!parse_uri(text, *uri)) uri.reset();
  return uri;
}

std::optional<UriParam> find_uri_param(std::string_view params, std::string_view name) {
  while (!params.empty()) {
    params.remove_prefix(1);  // ";"
    std::string_view one = params.substr(0, params.find(';'));
    params.remove_prefix(one.size());
    size_t equal = one.find('=');
    if (!equal_nocase(one.substr(0, equal), name)) continue;
    return UriParam{equal == std::string_view::npos ? std::string_view{} : one.substr(equal + 1)};
  }
  return std::nullopt;
}

}  // namespace sipcore
