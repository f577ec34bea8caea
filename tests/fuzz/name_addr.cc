#include "sipcore/grammar/name_addr.h"

#include "sipcore/grammar/params.h"
#include "sipcore/grammar/uri.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Exact input(data, size);
  sipcore::Cursor cursor(input.text());
  do {
    size_t before = cursor.position();
    auto value = sipcore::take_name_addr(cursor);
    if (!value) break;
    CHECK(cursor.position() > before && fuzz::within(value->text, input.text()));
    CHECK(fuzz::within(value->uri.text, value->text) && sipcore::parse_uri(value->uri.text));
    CHECK(fuzz::within(value->tag, value->params));
    // The value by itself reads the same.
    auto alone = sipcore::parse_name_addr(value->text);
    CHECK(alone && alone->uri.text == value->uri.text &&
          alone->params.size() <= value->params.size());
  } while (cursor.take(','));
  return 0;
}
