#include "sipcore/grammar/uri.h"

#include "sipcore/grammar/cursor.h"
#include "sipcore/grammar/ip.h"
#include "sipcore/grammar/number.h"

namespace sipcore {
namespace {

// Characters of one class, "%" only as the start of an escape, and those in `more`.
bool valid_escaped(std::string_view text, CharClass wanted, std::string_view more = {}) {
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (is(c, wanted) || more.find(c) != std::string_view::npos) continue;
    if (c != '%' || text.size() - i < 3) return false;
    if (!is(text[i + 1], kHexChar) || !is(text[i + 2], kHexChar)) return false;
    i += 2;
  }
  return true;
}

bool take_user(std::string_view userinfo, Uri& uri) {
  size_t colon = userinfo.find(':');
  uri.user = userinfo.substr(0, colon);
  if (colon != std::string_view::npos) uri.password = userinfo.substr(colon + 1);
  uri.has_user = true;
  return !uri.user.empty() && valid_escaped(uri.user, kUserChar) &&
         valid_escaped(uri.password, kUserChar);
}

bool take_hostport(std::string_view text, Uri& uri) {
  Cursor cursor(text);
  uri.host = cursor.peek() == '[' ? cursor.take_until("]") : cursor.take_until(":");
  if (cursor.take(']')) uri.host = cursor.since(0);
  if (!valid_host(uri.host)) return false;
  if (cursor.done()) return true;
  if (!cursor.take(':')) return false;
  auto port = parse_number(cursor.rest(), 65535);
  uri.port = static_cast<uint16_t>(port.value_or(0));
  return port.has_value();
}

// After "sip:". "@" may not occur behind the user part unescaped, "?" and ";" may occur within it.
bool take_sip(std::string_view rest, Uri& uri) {
  size_t at = rest.find('@');
  if (at != std::string_view::npos) {
    if (!take_user(rest.substr(0, at), uri)) return false;
    rest = rest.substr(at + 1);
  }
  size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    uri.headers = rest.substr(question + 1);
    uri.has_headers = true;
    rest = rest.substr(0, question);
  }
  size_t semicolon = rest.find(';');
  if (semicolon != std::string_view::npos) {
    uri.params = rest.substr(semicolon);
    rest = rest.substr(0, semicolon);
  }
  return valid_escaped(uri.headers, kParamChar, "?;=@,") &&
         valid_escaped(uri.params, kParamChar, ";=,\"") && take_hostport(rest, uri);
}

bool take_tel(std::string_view rest, Uri& uri) {
  size_t semicolon = rest.find(';');
  uri.user = rest.substr(0, semicolon);
  if (semicolon != std::string_view::npos) uri.params = rest.substr(semicolon);
  return !uri.user.empty() && valid_escaped(uri.user, kUserChar, "#") &&
         valid_escaped(uri.params, kParamChar, ";=,?\"");
}

bool valid_absolute(std::string_view rest) {
  if (rest.empty()) return false;
  for (char c : rest) {
    if (c <= ' ' || c == '<' || c == '>' || c == '"' || c == 0x7f) return false;
  }
  return true;
}

}  // namespace

bool valid_host(std::string_view host) {
  if (host.empty()) return false;
  if (host.front() == '[') return parse_ip(host).has_value();
  return all_of(host, kHostChar);
}

std::optional<Uri> parse_uri(std::string_view text) {
  Uri uri;
  uri.text = text;
  Cursor cursor(text);
  if (!is(cursor.peek(), kAlphaChar)) return std::nullopt;
  std::string_view scheme = cursor.take_until(":");
  for (char c : scheme) {
    if (!is(c, kAlphaChar) && !is(c, kDigitChar) && c != '+' && c != '-' && c != '.') {
      return std::nullopt;
    }
  }
  if (!cursor.take(':')) return std::nullopt;
  std::string_view rest = cursor.rest();
  bool valid = false;
  if (equal_nocase(scheme, "sip") || equal_nocase(scheme, "sips")) {
    uri.scheme = scheme.size() == 3 ? Scheme::kSip : Scheme::kSips;
    valid = take_sip(rest, uri);
  } else if (equal_nocase(scheme, "tel")) {
    uri.scheme = Scheme::kTel;
    valid = take_tel(rest, uri);
  } else {
    valid = valid_absolute(rest);
  }
  if (!valid) return std::nullopt;
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
