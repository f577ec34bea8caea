#include "sipcore/balance/hash_of.h"

#include "tests/fuzz/input.h"

// The username is a part of the text, and of a text without quotes none that has a blank in it.
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Exact input(data, size);
  std::string_view text = input.text(), user = sipcore::username_of(text);
  if (user.empty()) return 0;
  CHECK(user.data() >= text.data() && user.data() + user.size() <= text.data() + text.size());
  bool quotes = text.find('"') != text.npos;
  CHECK(quotes || user.find(' ') == user.npos);
  return 0;
}
