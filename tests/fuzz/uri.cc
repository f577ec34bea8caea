#include "sipcore/grammar/uri.h"

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Exact input(data, size);
  auto uri = sipcore::parse_uri(input.text());
  if (!uri) return 0;
  CHECK(uri->text == input.text());
  for (std::string_view part : {uri->user, uri->password, uri->host, uri->params, uri->headers}) {
    CHECK(fuzz::within(part, input.text()));
  }
  bool sip = uri->scheme == sipcore::Scheme::kSip || uri->scheme == sipcore::Scheme::kSips;
  if (sip) {
    CHECK(!uri->host.empty());
    sipcore::find_uri_param(uri->params, "lr");
    // What was accepted holds no byte that could end a header or a URI in brackets.
    CHECK(input.text().find_first_of("\r\n<> ") == std::string_view::npos);
  }
  return 0;
}
