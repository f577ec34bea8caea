#include "sipcore/build/ack_cancel.h"

#include "sipcore/build/writer.h"

namespace sipcore {
namespace {

size_t build(std::string_view method, const Message& sent, const Essentials& essentials,
             std::string_view to, std::span<char> out) {
  Writer writer(out);
  writer.add(method).add(" ").add(sent.uri_text()).add(" SIP/2.0\r\n");
  writer.add("Via: ").add(essentials.via->text).add("\r\n");
  for (auto* field = sent.first(HeaderName::kRoute); field; field = sent.next(*field)) {
    writer.add("Route: ").add(sent.value(*field)).add("\r\n");
  }
  writer.add("From: ").add(sent.value(HeaderName::kFrom)).add("\r\n");
  writer.add("To: ").add(to).add("\r\n");
  writer.add("Call-ID: ").add(essentials.call_id).add("\r\n");
  writer.add("CSeq: ").add_number(essentials.cseq).add(" ").add(method).add("\r\n");
  writer.add("Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n");
  return writer.full() ? 0 : writer.size();
}

}  // namespace

size_t build_ack(const Message& sent, const Essentials& essentials, std::string_view to,
                 std::span<char> out) {
  return build("ACK", sent, essentials, to, out);
}

size_t build_cancel(const Message& sent, const Essentials& essentials, std::span<char> out) {
  return build("CANCEL", sent, essentials, sent.value(HeaderName::kTo), out);
}

}  // namespace sipcore
