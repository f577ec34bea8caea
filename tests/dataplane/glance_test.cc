// What is told of messages that are not parsed.
#include "dataplane/core/glance.h"

#include <gtest/gtest.h>

#include "tests/simulation/messages.h"

namespace tests {
namespace {

using dataplane::is_new_request;
using dataplane::names_call;
using dataplane::user_agent;

TEST(Glance, NewRequestsAreTold) {
  RequestText request;
  EXPECT_TRUE(is_new_request(text_of(request)));
  for (const char* to :
       {"<sip:b@c;day=tue>", "sip:b@c;other=1", "<sip:b@c;tag=1>", "\";tag=1\" <sip:b@c>",
        "\"\\\";tag=1\" <sip:b@c>", "\"a", "\"a\" <sip:b@c>;x=y;tagged=z", "<sip:b@c> ;lr"}) {
    request.to = to;
    EXPECT_TRUE(is_new_request(text_of(request))) << to;
  }
  for (const char* to : {"<sip:b@c>;tag=1", "<sip:b@c>; TAG = 1", "<sip:b@c>\r\n ;a=b;\r\n\ttag=1",
                         "\"a\" <sip:b@c;x>;y;tag"}) {
    request.to = to;
    EXPECT_FALSE(is_new_request(text_of(request))) << to;
  }
  request = {};
  for (const char* method : {"ACK", "CANCEL", "BYE"}) {
    request.method = method;
    EXPECT_FALSE(is_new_request(text_of(request))) << method;
  }
  EXPECT_FALSE(is_new_request("SIP/2.0 200 OK\r\nTo: <sip:b@c>\r\n\r\n"));
  // The body is none of it, nor another line, and the field may lie anywhere.
  EXPECT_TRUE(is_new_request("MESSAGE sip:b SIP/2.0\r\nTo: <sip:b@c>\r\n\r\n hello ;tag=1"));
  EXPECT_TRUE(is_new_request("MESSAGE sip:b SIP/2.0\r\nT\r\n: x;tag=1\r\nTo: <sip:b@c>\r\n\r\n"));
  for (size_t before = 0; before < 200; ++before) {
    std::string text =
        "MESSAGE sip:b SIP/2.0\r\nX: " + std::string(before, 'x') + "\r\nTo: <sip:b@c>";
    EXPECT_TRUE(is_new_request(text + "\r\n\r\n")) << before;
    EXPECT_FALSE(is_new_request(text + ";tag=1\r\n\r\n")) << before;
  }
  EXPECT_TRUE(is_new_request("OPTIONS sip:b SIP/2.0\r\nTop: x\r\nt \t: <sip:b@c>\r\n\r\n"));
  for (const char* none : {"", "\n", "t:", "INVITE", "INVITE sip:b SIP/2.0\r\n", "\r\n\r\nTo: x",
                           "INVITE sip:b SIP/2.0\r\n\r\nTo: <sip:b@c>\r\n"}) {
    EXPECT_FALSE(is_new_request(none)) << none;
  }
}

TEST(Glance, OfACallIsWhatHasATagInTo) {
  RequestText request;
  EXPECT_FALSE(names_call(text_of(request)));
  request.method = "BYE";
  request.to = "<sip:b@c;tag=1>";
  EXPECT_FALSE(names_call(text_of(request)));
  request.to = "<sip:b@c> ;\ttag=1";
  EXPECT_TRUE(names_call(text_of(request)));
  EXPECT_TRUE(names_call("\r\n" + text_of(request)));
  EXPECT_FALSE(names_call("INVITE sip:b SIP/2.0\r\n\r\nTo: <sip:b@c>;tag=1\r\n"));
}

TEST(Glance, UserAgentIsFoundByItsOnlyName) {
  auto with = [](const std::string& lines) {
    return "INVITE sip:b SIP/2.0\r\n" + lines + "\r\nUser-Agent: body\r\n";
  };
  EXPECT_EQ(user_agent(with("To: a\r\nuser-AGENT \t:\r\n  sip cli \r\n")), "sip cli");
  EXPECT_EQ(user_agent("\r\n" + with("User-Agent: a\r\nUser-Agent: b\r\n")), "a");
  for (const char* none : {"", "u: a\r\n", "User-Agents: a\r\n", "User: a\r\n",
                           "X: \r\n User-Agent: a\r\n", "User-Agent a\r\n", "User-Agent:\r\n"}) {
    EXPECT_EQ(user_agent(with(none)), "") << none;
  }
}

}  // namespace
}  // namespace tests
