// Another process takes over with the key of the one before: calls find their way, but nothing that
// names a slot of the former process means anything.
#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;

class RestartTest : public CallTest {
 protected:
  RestartTest() {
    next.configure([](auto& config) { config.keys.branch = {7, 7}; });
  }
  Node next{{}};
};

TEST_F(RestartTest, RequestsInACallReachItsDestination) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  for (const char* method : {"ACK", "BYE"}) {
    next.deliver({kCaller, kTandem, text_of(in_dialog(method, at_backend, 2))});
    auto out = next.settle(now);
    ASSERT_EQ(out.size(), 1u) << method;
    EXPECT_EQ(out[0].to, at_backend.to) << method;
    EXPECT_EQ(method_of(out[0].bytes), method);
  }
  EXPECT_EQ(next.imbalance(), "");
}

// The same slot, the same generation, another call.
TEST_F(RestartTest, ResponseToTheFormerProcessIsNobodys) {
  Datagram former = invite();
  RequestText request;
  request.call_id = "another";
  request.via += "x";
  next.deliver({kCaller, kTandem, text_of(request)});
  ASSERT_EQ(next.settle(now).size(), 2u);
  next.deliver({former.to, kTandem, response_to(former.bytes, 200, "bob")});
  EXPECT_TRUE(next.settle(now).empty());
  EXPECT_EQ(next.count(Count::drop_forged_token), 1u);
}

}  // namespace
}  // namespace tests
