// What is told of messages that are not parsed.
#include "sipcore/grammar/glance.h"

#include <gtest/gtest.h>

#include "tests/simulation/messages.h"

namespace tests {
namespace {

using sipcore::agent_of_newcomer;
using sipcore::is_new_request;

TEST(Glance, NewRequestsAreTold) {
  RequestText request;
  EXPECT_TRUE(is_new_request(text_of(request)));
  for (const char* to :
       {"<sip:b@c;day=tue>", "sip:b@c;other=1", "<sip:b@c;tag=1>", "\";tag=1\" <sip:b@c>",
        "\"\\\";tag=1\" <sip:b@c>", "\"a", "\"a\" <sip:b@c>;x=y;tagged=z", "<sip:b@c> ;lr",
        "<sip:b@c>;tag", "<sip:b@c>;tag;tag=1", "<sip:b@c>;tag ;x=y"}) {
    request.to = to;
    EXPECT_TRUE(is_new_request(text_of(request))) << to;
  }
  for (const char* to : {"<sip:b@c>;tag=1", "<sip:b@c>; TAG = 1", "<sip:b@c>\r\n ;a=b;\r\n\ttag=1",
                         "\"a\" <sip:b@c;x>;y;tag=\"\""}) {
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

TEST(Glance, AgentOfANewcomerIsFoundByItsOnlyName) {
  auto with = [](const std::string& lines) {
    return "INVITE sip:b SIP/2.0\r\n" + lines + "\r\nUser-Agent: body\r\n";
  };
  EXPECT_EQ(agent_of_newcomer(with("To: a\r\nuser-AGENT \t:\r\n  sip cli \r\n")), "sip cli");
  EXPECT_EQ(agent_of_newcomer("\r\n" + with("User-Agent: a\r\nUser-Agent: b\r\n")), "a");
  for (const char* none : {"", "u: a\r\n", "User-Agents: a\r\n", "User: a\r\n",
                           "X: \r\n User-Agent: a\r\n", "User-Agent a\r\n", "User-Agent:\r\n"}) {
    EXPECT_EQ(agent_of_newcomer(with(none)), "") << none;
  }
}

TEST(Glance, WhatMayBelongToACallIsOfNoNewcomer) {
  RequestText request;
  request.headers += "User-Agent: x\r\n";
  for (const char* method : {"INVITE", "BYE", "OPTIONS"}) {
    request.method = method;
    EXPECT_EQ(agent_of_newcomer(text_of(request)), "x") << method;
  }
  for (const char* method : {"ACK", "CANCEL"}) {
    request.method = method;
    EXPECT_EQ(agent_of_newcomer(text_of(request)), "") << method;
  }
  request.method = "BYE";
  request.to = "<sip:b@c;tag=1>;tag";
  EXPECT_EQ(agent_of_newcomer(text_of(request)), "x");
  request.to = "<sip:b@c> ;\ttag=1";
  EXPECT_EQ(agent_of_newcomer("\r\n" + text_of(request)), "");
  for (const char* response : {"SIP/2.0 200 OK", "sip/2.0 200 OK"}) {
    std::string text = std::string(response) + "\r\nTo: a\r\nUser-Agent: x\r\n\r\n";
    EXPECT_EQ(agent_of_newcomer(text), "") << response;
  }
}

}  // namespace
}  // namespace tests
