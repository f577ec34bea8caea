#include "sipcore/grammar/via.h"

#include "sipcore/build/reply.h"
#include "tests/fuzz/input.h"

// A Via list is walked to its end or refused; a value marked with its source parses again, as the
// same but for received and rport.
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Exact input(data, size);
  sipcore::Cursor cursor(input.text());
  const sipcore::Endpoint source = *sipcore::parse_endpoint("192.0.2.7:5061", 0);
  do {
    size_t before = cursor.position();
    sipcore::Via via, marked;
    if (!sipcore::take_via(cursor, via)) break;
    CHECK(cursor.position() > before && fuzz::within(via.text, input.text()));
    std::string out(via.text.size() + 200, '\0');
    sipcore::Writer writer(out);
    sipcore::write_marked_via(writer, via, source);
    CHECK(!writer.full());
    sipcore::Cursor written(writer.text());
    CHECK(sipcore::take_via(written, marked) && written.done());
    CHECK(marked.host == via.host && marked.port == via.port && marked.branch == via.branch);
    CHECK(marked.received == "192.0.2.7");
  } while (cursor.take(','));
  sipcore::salvage_via(input.text());
  return 0;
}
