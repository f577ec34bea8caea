#include "control/manage/rpc.h"

#include "tests/fuzz/input.h"

// Any request gets a reply that is JSON on one line, with a result or an error.
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const control::manage::Rpc rpc = [] {
    control::manage::Rpc made;
    made.add("echo", "", [](const control::manage::Json& params) { return params; });
    return made;
  }();
  fuzz::Exact input(data, size);
  std::string reply = rpc.handle(input.text());
  CHECK(reply.find('\n') == std::string::npos);
  auto parsed = control::manage::Json::parse(reply);
  CHECK(parsed.contains("result") != parsed.contains("error"));
  return 0;
}
