// The vector scan and its plain twin give the same answer for every input.
#include "sipcore/grammar/scan.h"

#include <array>

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Exact input(data, size);
  std::array<sipcore::Line, 64> fast{}, plain{};
  sipcore::ScanResult a = sipcore::scan_lines(input.text(), fast);
  sipcore::ScanResult b = sipcore::scan_lines_plain(input.text(), plain);
  CHECK(a == b);
  for (size_t i = 0; i + 1 < a.lines; ++i) CHECK(fast[i] == plain[i]);
  return 0;
}
