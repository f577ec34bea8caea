#include "sipcore/rules/field.h"

#include "sipcore/grammar/chars.h"
#include "sipcore/grammar/name_addr.h"

namespace sipcore {
namespace {

using Kind = Field::Kind;

bool is_control(char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }

void add_char(Writer& out, char c) {
  char clean = is_control(c) ? ' ' : c;
  out.add({&clean, 1});
}

// Folds, and whatever else is no text, become spaces.
void add_clean(Writer& out, std::string_view text) {
  bool clean = true;
  for (char c : text) clean &= !is_control(c);
  if (clean) {
    out.add(text);
    return;
  }
  for (char c : text) add_char(out, c);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void add_user(Writer& out, std::string_view user) {
  bool number = is_number(user);
  if (!number && user.find('%') == user.npos) return add_clean(out, user);
  for (size_t at = 0; at < user.size();) {
    char c = take_char(user, at);
    if (number && c == ';') return;
    if (!number || !is_separator(c)) add_char(out, c);
  }
}

std::string_view without_dot(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

enum class Part : uint8_t { kUser, kHost, kAll };

void add_part(Writer& out, const Uri& uri, Part part) {
  if (part == Part::kUser) return add_user(out, uri.user);
  add_clean(out, part == Part::kHost ? without_dot(uri.host) : uri.text);
}

void add_part(Writer& out, const Message& message, HeaderName name, Part part) {
  auto address = parse_name_addr(message.value(name));
  if (address) add_part(out, address->uri, part);
}

void add_header(Writer& out, const Message& message, std::string_view name) {
  HeaderName known = header_name(name);
  bool first = true;
  for (size_t i = 0; i < message.field_count(); ++i) {
    const HeaderField& field = message.field(i);
    if (!is_named(message, field, known, name)) continue;
    if (!first) out.add(", ");
    first = false;
    add_clean(out, message.value(field));
  }
}

}  // namespace

bool is_named(const Message& message, const HeaderField& field, HeaderName known,
              std::string_view name) {
  if (known != HeaderName::kOther) return field.name == known;
  return equal_nocase(message.name(field), name);
}

char take_char(std::string_view text, size_t& at) {
  char c = text[at++];
  if (c != '%' || at + 1 >= text.size()) return c;
  int high = hex_value(text[at]), low = hex_value(text[at + 1]);
  if (high < 0 || low < 0) return c;
  at += 2;
  return static_cast<char>(high * 16 + low);
}

bool is_number(std::string_view user) {
  size_t digits = 0;
  for (size_t at = 0; at < user.size();) {
    bool first = at == 0;
    char c = take_char(user, at);
    if (c == ';') break;
    bool digit = c >= '0' && c <= '9';
    if (!digit && !is_separator(c) && !(c == '+' && first)) return false;
    digits += digit;
  }
  return digits > 0;
}

void write_as_it_came(const Field& field, const Subject& subject, Writer& out) {
  auto user_of = [&](HeaderName name) {
    auto address = parse_name_addr(subject.message.value(name));
    return address ? address->uri.user : std::string_view();
  };
  if (field.kind == Kind::kUser) return add_clean(out, subject.essentials.request_uri.user);
  if (field.kind == Kind::kFromUser) return add_clean(out, user_of(HeaderName::kFrom));
  if (field.kind == Kind::kToUser) return add_clean(out, user_of(HeaderName::kTo));
  write_value(field, subject, out);
}

bool any_case(const Field& field) {
  switch (field.kind) {
    case Kind::kHost:
    case Kind::kFromHost:
    case Kind::kToHost:
    case Kind::kHeader:
      return true;
    default:
      return false;
  }
}

void write_source(const IpAddress& ip, Writer& out) {
  out.add(ip.family == Family::kV4 ? "4" : "6");
  for (size_t i = 0; i < ip.size(); ++i) out.add_hex(ip.bytes[i], 2);
}

void write_value(const Field& field, const Subject& subject, Writer& out) {
  const Message& message = subject.message;
  const Uri& uri = subject.essentials.request_uri;
  switch (field.kind) {
    case Kind::kMethod:
      // Of a response it is that of its request.
      return add_clean(
          out, message.is_request() ? message.method_text() : subject.essentials.cseq_method);
    case Kind::kListen:
      out.add_endpoint(subject.listen);
      return;
    case Kind::kSource:
      return write_source(subject.source.ip, out);
    case Kind::kSourcePort:
      out.add_number(subject.source.port);
      return;
    case Kind::kUser:
      return add_part(out, uri, Part::kUser);
    case Kind::kHost:
      return add_part(out, uri, Part::kHost);
    case Kind::kUri:
      return add_part(out, uri, Part::kAll);
    case Kind::kFromUser:
      return add_part(out, message, HeaderName::kFrom, Part::kUser);
    case Kind::kFromHost:
      return add_part(out, message, HeaderName::kFrom, Part::kHost);
    case Kind::kFromUri:
      return add_part(out, message, HeaderName::kFrom, Part::kAll);
    case Kind::kToUser:
      return add_part(out, message, HeaderName::kTo, Part::kUser);
    case Kind::kToHost:
      return add_part(out, message, HeaderName::kTo, Part::kHost);
    case Kind::kToUri:
      return add_part(out, message, HeaderName::kTo, Part::kAll);
    case Kind::kStatus:
      out.add_number(static_cast<uint64_t>(subject.status));
      return;
    case Kind::kHeader:
      return add_header(out, message, field.header);
  }
}

}  // namespace sipcore
