#include "sipcore/build/reply.h"

#include "sipcore/grammar/params.h"

namespace sipcore {
namespace {

void write_field(Writer& writer, std::string_view name, std::string_view value) {
  writer.add(name).add(": ").add(value).add("\r\n");
}

// All Via of the request, the topmost marked where that is due.
void write_vias(Writer& writer, const Message& request, const Via& top, const Endpoint& source) {
  const HeaderField* field = request.first(HeaderName::kVia);
  if (needs_mark(top, source)) {
    writer.add("Via: ");
    write_marked_via(writer, top, source);
    size_t behind = request.offset_of(top.text) - field->value + top.text.size();
    writer.add(request.value(*field).substr(behind)).add("\r\n");
    field = request.next(*field);
  }
  for (; field != nullptr; field = request.next(*field)) {
    write_field(writer, "Via", request.value(*field));
  }
}

void write_copied(Writer& writer, const Message& request, HeaderName name,
                  std::string_view tag = {}) {
  const HeaderField* field = request.first(name);
  if (field == nullptr) return;
  writer.add(spelling(name)).add(": ").add(request.value(*field));
  if (!tag.empty()) writer.add(";tag=").add(tag);
  writer.add("\r\n");
}

// The status line and what every response takes over from its request; To only if `with_to`, and
// with `to_tag` added unless that is empty.
void write_head(Writer& writer, const Message& request, const Via& top, const Endpoint& source,
                int status, std::string_view reason, bool with_to, std::string_view to_tag) {
  writer.add("SIP/2.0 ").add_number(static_cast<uint64_t>(status)).add(" ");
  writer.add(reason).add("\r\n");
  write_vias(writer, request, top, source);
  write_copied(writer, request, HeaderName::kFrom);
  if (with_to) write_copied(writer, request, HeaderName::kTo, to_tag);
  write_copied(writer, request, HeaderName::kCallId);
  write_copied(writer, request, HeaderName::kCSeq);
}

// What own_part() begins with; reason, lines and body follow.
struct OwnSizes {
  uint16_t reason = 0;
  uint16_t lines = 0;
  uint16_t usual_reason = 1;  // 0: it follows
};

bool is_copied(const Message& response, const HeaderField& field, bool request_has_to_tag) {
  switch (field.name) {
    case HeaderName::kVia:
    case HeaderName::kFrom:
    case HeaderName::kCallId:
    case HeaderName::kCSeq:
      return true;
    case HeaderName::kTo:
      return request_has_to_tag;
    case HeaderName::kContentLength:
      return response.body().empty();
    default:
      return false;
  }
}

}  // namespace

bool needs_mark(const Via& via, const Endpoint& source) {
  if (via.broken) return false;
  auto host = parse_ip(via.host);
  return via.has_rport || !via.received.empty() || !host || *host != source.ip;
}

void write_marked_via(Writer& writer, const Via& via, const Endpoint& source) {
  writer.add(via.text.substr(0, via.text.size() - via.params.size()));
  Cursor cursor(via.params);
  bool broken = false;
  Param param;
  while (take_param(cursor, param, broken)) {
    bool ours = is_word(param.name, "received") || is_word(param.name, "rport");
    if (ours) continue;
    writer.add(";").add(param.name);
    if (param.has_value) writer.add("=").add(param.value);
  }
  char text[kIpTextMost + 8];
  std::string_view ip = format_ip(source.ip, text);
  if (source.ip.family == Family::kV6) ip = ip.substr(1, ip.size() - 2);  // RFC 3261 25.1: no [ ]
  if (via.has_rport) writer.add(";rport=").add_number(source.port);
  writer.add(";received=").add(ip);
}

size_t build_reply(const Message& request, const Essentials& essentials, const Endpoint& source,
                   const Reply& reply, std::span<char> out) {
  Writer writer(out);
  write_head(writer, request, *essentials.via, source, reply.status, reply.reason, true,
             essentials.to_tag.empty() ? reply.to_tag : "");
  if (reply.status == 100) write_copied(writer, request, HeaderName::kTimestamp);  // 8.2.6.1
  writer.add(reply.headers).add("Content-Length: 0\r\n\r\n");
  return writer.full() ? 0 : writer.size();
}

std::string_view retry_after(uint32_t seconds, std::span<char> room) {
  Writer line(room);
  if (seconds > 0) line.add("Retry-After: ").add_number(seconds).add("\r\n");
  return line.text();
}

std::optional<std::string_view> own_part(const Message& response, bool request_has_to_tag,
                                         std::span<char> out) {
  OwnSizes sizes;
  sizes.usual_reason = response.reason() == reason_of(response.status());
  std::string_view reason = sizes.usual_reason ? std::string_view{} : response.reason();
  sizes.reason = static_cast<uint16_t>(reason.size());
  Writer writer(out);
  writer.add({reinterpret_cast<char*>(&sizes), sizeof sizes}).add(reason);
  for (size_t i = 0; i < response.field_count(); ++i) {
    const HeaderField& field = response.field(i);
    if (!is_copied(response, field, request_has_to_tag)) writer.add(response.line(field));
  }
  sizes.lines = static_cast<uint16_t>(writer.size() - sizeof sizes - sizes.reason);
  bool nothing = sizes.usual_reason && sizes.lines == 0 && response.body().empty();
  if (nothing && !writer.full()) return std::string_view{};
  writer.add(response.body());
  if (writer.full()) return std::nullopt;
  std::memcpy(out.data(), &sizes, sizeof sizes);
  return writer.text();
}

size_t rebuild_response(const Message& request, const Essentials& essentials,
                        const Endpoint& source, int status, std::string_view own,
                        bool request_has_to_tag, std::span<char> out) {
  OwnSizes sizes;
  if (own.size() >= sizeof sizes) {
    std::memcpy(&sizes, own.data(), sizeof sizes);
    own.remove_prefix(sizeof sizes);
  }
  std::string_view reason = own.substr(0, sizes.reason);
  std::string_view lines = own.substr(sizes.reason, sizes.lines);
  std::string_view body = own.substr(size_t{sizes.reason} + sizes.lines);
  Writer writer(out);
  write_head(writer, request, *essentials.via, source, status,
             sizes.usual_reason ? reason_of(status) : reason, request_has_to_tag, "");
  writer.add(lines);
  if (body.empty()) writer.add("Content-Length: 0\r\n");
  writer.add("\r\n").add(body);
  return writer.full() ? 0 : writer.size();
}

std::string_view reason_of(int status) {
  switch (status) {
    case 100:
      return "Trying";
    case 200:
      return "OK";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 420:
      return "Bad Extension";
    case 481:
      return "Call/Transaction Does Not Exist";
    case 482:
      return "Loop Detected";
    case 483:
      return "Too Many Hops";
    case 487:
      return "Request Terminated";
    case 500:
      return "Server Internal Error";
    case 503:
      return "Service Unavailable";
    case 513:
      return "Message Too Large";
    default:
      return "Rejected";
  }
}

}  // namespace sipcore
