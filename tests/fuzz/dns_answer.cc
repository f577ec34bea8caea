#include "control/resolve/dns_answer.h"

#include "tests/fuzz/input.h"

// Any packet is an answer or none; what is taken from it is bounded.
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Exact input(data, size);
  auto answer = control::resolve::read_answer(input.text());
  if (!answer) return 0;
  CHECK(answer->records.size() <= size / 11);  // the least that a record takes
  for (const auto& record : answer->records) {
    CHECK(record.name.size() <= 255 && record.target.size() <= 255);
    CHECK(record.flags.size() <= 255 && record.service.size() <= 255);
  }
  return 0;
}
