// Any bytes as a datagram into a whole node: the counters add up (the node checks it after each
// turn), no answer goes to anybody but the sender, there are at most two messages for one (100 and
// the forwarded request), and a response is never answered.
#include "tests/fuzz/input.h"
#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static tests::Node node({.limits = {64, 96, 64, 64}, .packets = 512});
  static uint64_t now_ms = 1000;
  static const sipcore::Endpoint sender = tests::endpoint("198.18.0.10:5070");
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size > 60000 || tests::Node::looks_unwritten(bytes)) return 0;
  // Time passes between inputs, so that tables drain and timers fire; what they send is not
  // counted.
  now_ms += 1000;
  node.settle(now_ms);
  node.deliver({sender, tests::endpoint(tests::kListen), bytes});
  auto out = node.poll(now_ms);
  CHECK(out.size() <= 2);
  for (const tests::Datagram& one : out) {
    if (tests::status_of(one.bytes) != 0) {
      CHECK(one.to.ip == sender.ip);
      CHECK(!bytes.starts_with("SIP/2.0 "));
      CHECK(one.bytes.size() * 2 <= bytes.size() * 3);
    }
  }
  return 0;
}
