#include "sipcore/grammar/via.h"

#include "sipcore/grammar/number.h"
#include "sipcore/grammar/params.h"
#include "sipcore/grammar/uri.h"

namespace sipcore {
namespace {

bool take_slash(Cursor& cursor) {
  cursor.skip_lws();
  bool found = cursor.take('/');
  cursor.skip_lws();
  return found;
}

bool take_protocol(Cursor& cursor, Via& via) {
  constexpr std::string_view kUsual = "SIP/2.0/UDP ";
  if (cursor.rest().starts_with(kUsual)) {
    via.sip2 = true;
    via.transport = cursor.rest().substr(8, 3);
    cursor.skip(kUsual.size() - 1);
    return true;
  }
  std::string_view name = cursor.take_token();
  if (name.empty() || !take_slash(cursor)) return false;
  std::string_view version = cursor.take_token();
  if (version.empty() || !take_slash(cursor)) return false;
  via.sip2 = equal_nocase(name, "SIP") && version == "2.0";
  via.transport = cursor.take_token();
  return !via.transport.empty();
}

bool take_sent_by(Cursor& cursor, Via& via) {
  if (!is_lws(cursor.peek())) return false;
  cursor.skip_lws();
  if (!take_host(cursor, via.host)) return false;
  if (cursor.peek() == ';') return true;
  Cursor ahead = cursor;
  ahead.skip_lws();
  if (!ahead.take(':')) return true;
  ahead.skip_lws();
  cursor = ahead;
  auto port = parse_number(cursor.take_class(kDigitChar), 65535);
  via.port = static_cast<uint16_t>(port.value_or(0));
  return port.has_value() && *port != 0;
}

bool take_via_params(Cursor& cursor, Via& via) {
  size_t start = cursor.position();
  bool broken = false;
  Param param;
  while (take_param(cursor, param, broken)) {
    if (is_word(param.name, "branch")) {
      via.branch = param.value;
    } else if (is_word(param.name, "received")) {
      via.received = param.value;
    } else if (is_word(param.name, "rport")) {
      via.rport = param.value;
      via.has_rport = true;
    }
  }
  via.params = cursor.since(start);
  return !broken;
}

}  // namespace

bool take_via(Cursor& cursor, Via& out) {
  out = {};
  cursor.skip_lws();
  size_t start = cursor.position();
  if (!take_protocol(cursor, out) || !take_sent_by(cursor, out) || !take_via_params(cursor, out)) {
    return false;
  }
  out.text = cursor.since(start);
  cursor.skip_lws();
  return cursor.done() || cursor.peek() == ',';
}

std::optional<Via> salvage_via(std::string_view value) {
  Cursor cursor(value);
  cursor.skip_lws();
  Via via;
  if (!take_protocol(cursor, via)) return std::nullopt;
  via.broken = true;
  return via;
}

}  // namespace sipcore
