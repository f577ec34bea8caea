// Calls over a group of three backends: which of them got a call, and what it holds there.
#pragma once

#include <string>
#include <vector>

#include "tests/dataplane/call_fixture.h"

namespace tests {

class BalanceTest : public CallTest {
 protected:
  using Group = control::link::Group;
  void configure(const std::function<void(Group&)>& change) {
    node.configure([&](control::link::RunningConfig& config) { change(config.groups[0]); });
  }
  RequestText request(int call) {
    RequestText out;
    std::string number = std::to_string(call);
    out.call_id = "call-" + number;
    out.via += number;
    return out;
  }
  // A call that rings; which backend it rings at, -1: none, refused.
  int begin(RequestText text) {
    auto out = from_caller(text_of(text));
    if (out.size() != 2) {
      EXPECT_EQ(out.size(), 1u);
      EXPECT_EQ(out.empty() ? 0 : status_of(out[0].bytes), 503);
      return -1;
    }
    last = out[1];
    for (int i = 0; i < 3; ++i) {
      if (last.to == backend(static_cast<size_t>(i))) return i;
    }
    return -2;
  }
  int begin(int call) { return begin(request(call)); }
  void refuse(int status = 486) { from_backend(last, response_to(last.bytes, status, "bob")); }
  void answer() { from_backend(last, response_to(last.bytes, 200, "bob")); }
  // So many calls that are up; the INVITE of each.
  std::vector<Datagram> answered_calls(int count) {
    std::vector<Datagram> up;
    for (int i = 0; i < count; ++i) {
      EXPECT_GE(begin(i), 0);
      answer();
      up.push_back(last);
    }
    return up;
  }
  void hang_up(int status = 200) {
    RequestText bye = in_dialog("BYE", last, 2);
    bye.call_id = header_of(last.bytes, sipcore::HeaderName::kCallId);
    bye.via += bye.call_id;
    auto out = from_caller(text_of(bye));
    ASSERT_EQ(out.size(), 1u);
    from_backend(out[0], response_to(out[0].bytes, status, "bob"));
  }
  // So many calls that are refused at once; how many each backend got.
  std::vector<int> spread(int calls, int first = 0) {
    std::vector<int> got(3, 0);
    for (int i = first; i < first + calls; ++i) {
      int at = begin(i);
      if (at < 0) continue;
      ++got[static_cast<size_t>(at)];
      refuse();
      wait(40);
    }
    return got;
  }
  uint32_t calls(size_t i) { return node.destination(i).calls; }

  Datagram last;
};

}  // namespace tests
