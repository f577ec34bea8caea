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
  for (const auto& name : {sipcore::kToName, sipcore::kCallIdName, sipcore::kUserAgentName}) {
    std::string_view wanted = sipcore::find_field_plain(input.text(), name);
    for (sipcore::FindField way : sipcore::ways_to_find_field()) {
      std::string_view found = way(input.text(), name);
      CHECK(found.data() == wanted.data() && found.size() == wanted.size());
    }
  }
  return 0;
}
