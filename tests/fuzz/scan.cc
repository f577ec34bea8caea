// The vector scans and their plain twins give the same answer for every input.
#include "sipcore/grammar/scan.h"

#include <array>

#include "sipcore/grammar/find_field.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Exact input(data, size);
  std::array<sipcore::Line, 64> fast{}, plain{};
  sipcore::ScanResult a = sipcore::scan_lines(input.text(), fast);
  sipcore::ScanResult b = sipcore::scan_lines_plain(input.text(), plain);
  CHECK(a == b);
  for (size_t i = 0; i + 1 < a.lines; ++i) CHECK(fast[i] == plain[i]);
  for (size_t at = 1; at <= size;) {
    size_t found = sipcore::find_line(input.text(), at, 't', 'i');
    CHECK(found == sipcore::find_line_plain(input.text(), at, 't', 'i'));
    at = found + 1;
  }
  return 0;
}
