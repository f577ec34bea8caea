#include "sipcore/build/reply.h"

#include "sipcore/grammar/params.h"

namespace sipcore {
namespace {

constexpr uint16_t kDefaultPort = 5060;

void write_field(Writer& writer, std::string_view name, std::string_view value) {
  writer.add(name).add(": ").add(value).add("\r\n");
}

void write_vias(Writer& writer, const Message& request, const Via& top, const Endpoint& source) {
  const HeaderField* field = request.first(HeaderName::kVia);
  std::string_view value = request.value(*field);
  writer.add("Via: ");
  write_marked_via(writer, top, source);
  size_t behind = request.offset_of(top.text) - field->value + top.text.size();
  writer.add(value.substr(behind)).add("\r\n");
  while ((field = request.next(*field)) != nullptr) {
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
  while (auto param = take_param(cursor, broken)) {
    bool ours = equal_nocase(param->name, "received") || equal_nocase(param->name, "rport");
    if (ours) continue;
    writer.add(";").add(param->name);
    if (param->has_value) writer.add("=").add(param->value);
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
  writer.add("SIP/2.0 ").add_number(static_cast<uint64_t>(reply.status)).add(" ");
  writer.add(reply.reason).add("\r\n");
  if (needs_mark(*essentials.via, source)) {
    write_vias(writer, request, *essentials.via, source);
  } else {
    for (auto* field = request.first(HeaderName::kVia); field; field = request.next(*field)) {
      write_field(writer, "Via", request.value(*field));
    }
  }
  write_copied(writer, request, HeaderName::kFrom);
  write_copied(writer, request, HeaderName::kTo, essentials.to_tag.empty() ? reply.to_tag : "");
  write_copied(writer, request, HeaderName::kCallId);
  write_copied(writer, request, HeaderName::kCSeq);
  if (reply.status == 100) write_copied(writer, request, HeaderName::kTimestamp);  // 8.2.6.1
  writer.add(reply.headers).add("Content-Length: 0\r\n\r\n");
  return writer.full() ? 0 : writer.size();
}

Endpoint reply_target(const Via& via, const Endpoint& source) {
  if (via.has_rport || via.broken) return source;
  return {source.ip, via.port != 0 ? via.port : kDefaultPort};
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
