// A node, a caller and its backends, message by message.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace tests {

inline const sipcore::Endpoint kCaller = endpoint("198.18.0.10:5060");
inline const sipcore::Endpoint kTandem = endpoint(kListen);
inline const sipcore::Endpoint kStranger = endpoint("198.18.0.66:5060");

class CallTest : public testing::Test {
 protected:
  std::vector<Datagram> from_caller(const std::string& bytes) {
    node.deliver({kCaller, kTandem, bytes});
    return node.settle(now);
  }
  std::vector<Datagram> from_backend(const Datagram& request, const std::string& bytes) {
    node.deliver({request.to, kTandem, bytes});
    return node.settle(now);
  }
  std::vector<Datagram> wait(uint64_t ms) {
    std::vector<Datagram> all;
    for (uint64_t end = now + ms; now < end;) {
      now += 10;
      auto some = node.settle(now);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  std::vector<Datagram> from_elsewhere(const sipcore::Endpoint& source, const std::string& bytes) {
    node.deliver({source, kTandem, bytes});
    return node.settle(now);
  }
  // Sends the INVITE and returns it as the backend got it.
  Datagram invite(const RequestText& request = {}) {
    auto out = from_caller(text_of(request));
    EXPECT_EQ(out.size(), 2u);
    if (out.size() != 2) return {};
    EXPECT_EQ(status_of(out[0].bytes), 100);
    EXPECT_EQ(out[0].to, kCaller);
    EXPECT_EQ(method_of(out[1].bytes), "INVITE");
    return out[1];
  }
  RequestText in_dialog(const std::string& method, const Datagram& invite_, int cseq) {
    RequestText request;
    request.method = method;
    request.uri = "sip:bob@" + sipcore::to_string(invite_.to);
    request.to += ";tag=bob";
    request.via = "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bK" + method + std::to_string(cseq);
    request.cseq = cseq;
    request.headers =
        "Route: " + header_of(invite_.bytes, sipcore::HeaderName::kRecordRoute) + "\r\n";
    return request;
  }
  // The BYE of the callee, towards where `uri` says.
  RequestText bye_of_callee(const Datagram& invite_, const std::string& uri) {
    RequestText bye = in_dialog("BYE", invite_, 2);
    bye.uri = uri;
    bye.from = "<sip:bob@198.18.0.1>;tag=bob";
    bye.to = "<sip:alice@198.18.0.10>;tag=alice";
    return bye;
  }

  Node node{{}};
  uint64_t now = 1000;
};

}  // namespace tests
