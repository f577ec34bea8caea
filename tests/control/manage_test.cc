#include <gtest/gtest.h>

#include "control/manage/parse_report.h"
#include "control/manage/rpc.h"
#include "control/kernel/sockets.h"

namespace control::manage {
namespace {

Json reply_to(const Rpc& rpc, const std::string& request) {
  return Json::parse(rpc.handle(request));
}

TEST(Rpc, ShapesAreThoseOfKamailio) {
  Rpc rpc;
  rpc.add("echo", "", [](const Json& params) { return params; });
  rpc.add("fail", "", [](const Json&) -> Json { throw RpcError{404, "not there"}; });
  EXPECT_EQ(reply_to(rpc, R"({"jsonrpc":"2.0","method":"echo","params":[1,"x"],"id":7})"),
            Json::parse(R"({"jsonrpc":"2.0","result":[1,"x"],"id":7})"));
  EXPECT_EQ(reply_to(rpc, R"({"method":"nosuch","id":1})")["error"],
            Json::parse(R"({"code":500,"message":"Method Not Found"})"));
  EXPECT_EQ(reply_to(rpc, R"({"method":"fail","id":1})")["error"]["code"], 404);
  EXPECT_EQ(reply_to(rpc, R"({"method":"system.listMethods"})")["result"].size(), 2u);
}

TEST(Rpc, AnythingGetsAReply) {
  Rpc rpc;
  for (std::string bad :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"),
        std::string("{\"method\":5}"), std::string("\xff\xfe"), std::string(100000, '['),
        std::string(70000, ' '), std::string("{\"method\":\"\xff\",\"id\":\"\xff\"}")}) {
    EXPECT_TRUE(reply_to(rpc, bad).contains("error"));
  }
}

TEST(ParseReport, IsJsonForAnyBytes) {
  Json report =
      Json::parse(parse_report("INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n"
                               "Subject: \xff\r\n\r\nbody"));
  EXPECT_EQ(report["verdict"], "reject");
  EXPECT_EQ(report["code"], 400);
  EXPECT_EQ(report["reason"], "Bad Request: missing Call-ID");
  EXPECT_EQ(report["kind"], "request");
  EXPECT_EQ(report["headers"][1]["name"], "Subject");
  EXPECT_EQ(report["headers"][1]["offset"], 44);
  EXPECT_EQ(report["body_length"], 4);
  EXPECT_EQ(Json::parse(parse_report(""))["verdict"], "drop");
}

TEST(Icmp, TheBranchIsFoundInACutQuote) {
  sipcore::HashKey key{1, 2};
  char text[sipcore::kBranchSize];
  std::string branch(sipcore::write_branch(key, {1, 2, 3, 4}, text));
  std::string quote =
      std::string(28, 'h') + "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=" + branch;
  std::string packet = std::string("\x45") + std::string(19, '\0') + std::string("\x03\x03", 2) +
                       std::string(6, '\0') + quote;
  auto found = kernel::quoted_branch(packet, sipcore::Family::kV4, key);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->slot, 2u);
  std::string narrow = packet;
  narrow[21] = 4;  // fragmentation needed: the target is there
  EXPECT_FALSE(kernel::quoted_branch(narrow, sipcore::Family::kV4, key));
  for (size_t size = 0; size < packet.size(); ++size) {
    EXPECT_FALSE(kernel::quoted_branch(packet.substr(0, size), sipcore::Family::kV4, key));
  }
  packet.back() = packet.back() == '0' ? '1' : '0';
  EXPECT_FALSE(kernel::quoted_branch(packet, sipcore::Family::kV4, key));
}

}  // namespace
}  // namespace control::manage
