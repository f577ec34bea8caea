// A response made again out of its own part and the repeated request says what it said: status,
// reason, the lines that the request does not have, the body.
#include <array>
#include <string>
#include <vector>

#include "sipcore/build/reply.h"
#include "tests/fuzz/input.h"

namespace {

using sipcore::HeaderName;

bool in_request(const sipcore::HeaderField& field) {
  return field.name == HeaderName::kVia || field.name == HeaderName::kFrom ||
         field.name == HeaderName::kTo || field.name == HeaderName::kCallId ||
         field.name == HeaderName::kCSeq;
}

// What the user agent answered: the lines that it took over.
std::string request_of(const sipcore::Message& response, std::string_view method) {
  std::string text(method);
  text += " sip:b@c SIP/2.0\r\n";
  for (size_t i = 0; i < response.field_count(); ++i) {
    if (in_request(response.field(i))) text += response.line(response.field(i));
  }
  return text + "\r\n";
}

std::vector<std::string_view> own_lines(const sipcore::Message& response) {
  std::vector<std::string_view> lines;
  for (size_t i = 0; i < response.field_count(); ++i) {
    const sipcore::HeaderField& field = response.field(i);
    if (!in_request(field) && field.name != HeaderName::kContentLength) {
      lines.push_back(response.line(field));
    }
  }
  return lines;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static sipcore::Message response, request, again;
  static std::array<char, 65536> own_text, out;
  static const sipcore::Endpoint source = *sipcore::parse_endpoint("192.0.2.7:5061", 0);
  fuzz::Exact input(data, size);
  sipcore::Essentials e, asked, after;
  if (sipcore::validate(response, response.parse(input.text()), e) != sipcore::Fault::kNone)
    return 0;
  if (response.is_request() || response.field_count() == sipcore::kMaxHeaders) return 0;
  std::string text = request_of(response, e.cseq_method);
  if (sipcore::validate(request, request.parse(text), asked) != sipcore::Fault::kNone) return 0;
  bool tagged = !asked.to_tag.empty();
  auto own = sipcore::own_part(response, tagged, own_text);
  if (!own) return 0;
  size_t written =
      sipcore::rebuild_response(request, asked, source, response.status(), *own, tagged, out);
  if (written == 0 || written > 65535) return 0;
  CHECK(sipcore::validate(again, again.parse({out.data(), written}), after) ==
        sipcore::Fault::kNone);
  CHECK(again.status() == response.status() && again.reason() == response.reason());
  CHECK(again.body() == response.body() && own_lines(again) == own_lines(response));
  CHECK(after.call_id == e.call_id && after.from_tag == e.from_tag && after.to_tag == e.to_tag);
  CHECK(after.cseq == e.cseq && after.via->branch == e.via->branch);
  return 0;
}
