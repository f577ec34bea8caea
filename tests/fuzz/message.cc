// Any bytes as a datagram: every view lies within them, header fields are in order and do not
// overlap, the same bytes give the same verdict again, and what is told of a message that is not
// parsed is what the parser finds in it.
#include "sipcore/grammar/find_field.h"
#include "sipcore/grammar/glance.h"
#include "sipcore/proxy/validate.h"
#include "tests/fuzz/input.h"

namespace {

using sipcore::HeaderName;
using sipcore::Method;

void check_glance(std::string_view text, const sipcore::Message& message,
                  const sipcore::Essentials& essentials) {
  auto found = [&](const sipcore::FieldName& name, HeaderName parsed) {
    std::string_view value = sipcore::trim(sipcore::whole_value(sipcore::find_field(text, name)));
    std::string_view wanted = message.value(parsed);
    return value == wanted && (value.empty() || value.data() == wanted.data());
  };
  CHECK(found(sipcore::kCallIdName, HeaderName::kCallId));
  CHECK(found(sipcore::kToName, HeaderName::kTo));
  CHECK(found(sipcore::kUserAgentName, HeaderName::kUserAgent));
  Method method = message.method();
  bool new_at_all = message.is_request() && essentials.to_tag.empty() && method != Method::kAck &&
                    method != Method::kCancel;
  CHECK(sipcore::is_new_request(text) == (new_at_all && method != Method::kBye));
  std::string_view agent = new_at_all ? message.value(HeaderName::kUserAgent) : "";
  CHECK(sipcore::agent_of_newcomer(text) == agent);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static sipcore::Message message, second;
  fuzz::Exact input(data, size);
  sipcore::Essentials essentials, again;
  sipcore::Fault fault = sipcore::validate(message, message.parse(input.text()), essentials);
  CHECK(fuzz::within(message.bytes(), input.text()));
  CHECK(fuzz::within(message.body(), message.bytes()));
  size_t end = message.start_line_end();
  for (size_t i = 0; i < message.field_count(); ++i) {
    const sipcore::HeaderField& field = message.field(i);
    CHECK(field.begin >= end && field.begin + field.name_size <= field.value);
    CHECK(field.value + field.value_size <= field.end);
    CHECK(fuzz::within(message.line(field), input.text()));
    end = field.end;
  }
  if (essentials.via) CHECK(fuzz::within(essentials.via->text, input.text()));
  CHECK(fuzz::within(essentials.call_id, input.text()));
  CHECK(sipcore::validate(second, second.parse(input.text()), again) == fault);
  // A message that passed has all that the proxy will rely on.
  if (fault == sipcore::Fault::kNone) {
    CHECK(essentials.via && !essentials.call_id.empty() && !essentials.cseq_method.empty());
    check_glance(input.text(), message, essentials);
  }
  return 0;
}
