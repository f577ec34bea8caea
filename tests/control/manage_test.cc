#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "control/manage/parse_report.h"
#include "control/manage/rpc.h"
#include "control/manage/socket_server.h"
#include "control/manage/statistics.h"
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

TEST(Rpc, SomeAnswersBeginAStream) {
  Rpc rpc;
  rpc.add("ask", "", [](const Json& params) { return params; });
  rpc.add_following("follow", "", [](const Json& params) -> Json {
    if (params.empty()) throw RpcError{400, "what?"};
    return params;
  });
  EXPECT_TRUE(rpc.answer(R"({"method":"follow","params":[1],"id":1})").follows);
  EXPECT_FALSE(rpc.answer(R"({"method":"follow","params":[],"id":1})").follows);
  EXPECT_FALSE(rpc.answer(R"({"method":"ask","params":[1],"id":1})").follows);
  EXPECT_EQ(Rpc::notification("event", {{"a", 1}}),
            R"({"jsonrpc":"2.0","method":"event","params":{"a":1}})");
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

TEST(Rpc, BracketsInTextAreText) {
  Rpc rpc;
  rpc.add("echo", "", [](const Json& params) { return params; });
  std::string text = "\"" + std::string(60, '[') + "\\\"" + std::string(60, '}') + "\"";
  EXPECT_EQ(reply_to(rpc, "{\"method\":\"echo\",\"params\":[" + text + "]}")["result"].size(), 1u);
  std::string closing = "\"" + std::string(1000, ']') + "\"";
  std::string deep = std::string(1000, '[') + std::string(1000, ']');
  EXPECT_TRUE(reply_to(rpc, "{\"x\":" + closing + ",\"id\":" + deep + "}").contains("error"));
}

// What the packet layer tells is asked for when somebody looks.
TEST(Statistics, AskThePorts) {
  link::Exchange exchange(1);
  uint64_t in_use = 7;
  exchange.port_figures = {
      {"pool", "small", "in_use", "Packets in use.", false, [&] { return in_use; }},
      {"port", "af_xdp:eth0", "missed", "Lost frames.", true, [] { return uint64_t{3}; }}};
  Rpc rpc;
  add_statistics(rpc, exchange);
  auto lines = [&](const char* what) {
    return rpc.run("stats.get_statistics", Json::array({what}));
  };
  EXPECT_EQ(lines("pool:"), Json::array({"pool:small_in_use = 7"}));
  in_use = 8;
  EXPECT_EQ(lines("small_in_use"), Json::array({"pool:small_in_use = 8"}));
  EXPECT_EQ(lines("port:"), Json::array({"port:af_xdp:eth0_missed = 3"}));
}

class Management : public testing::Test {
 protected:
  std::string ask(const std::string& line) {
    boost::asio::local::stream_protocol::iostream client{
        boost::asio::local::stream_protocol::endpoint(path)};
    client << line << std::flush;
    if (!line.ends_with('\n')) client.socket().shutdown(boost::asio::socket_base::shutdown_send);
    std::string reply;
    std::getline(client, reply);
    return reply;
  }
  std::string path = testing::TempDir() + "tandem-manage-" + std::to_string(getpid()) + ".sock";
};

// The socket in a thread of its own: lines of any length, clients in any number, clients that
// leave.
TEST_F(Management, SocketServesManyAndSurvivesTheRude) {
  boost::asio::io_context io;
  SocketServer server(
      io, [](std::string request, SocketServer::Reply reply) { reply({request + "!"}); });
  ASSERT_EQ(server.open(path), "");
  SocketServer second(io, [](std::string, SocketServer::Reply reply) { reply({}); });
  auto work = boost::asio::make_work_guard(io);
  std::thread thread([&] { io.run(); });
  EXPECT_NE(second.open(path), "");
  EXPECT_EQ(ask("hello\n"), "hello!");
  EXPECT_EQ(ask("no end of line and gone").size(), 0u);
  EXPECT_EQ(ask(std::string(Rpc::kMostRequest + 10, 'x')).size(), 0u);
  using Stream = boost::asio::local::stream_protocol::iostream;
  std::vector<std::unique_ptr<Stream>> clients;
  for (size_t i = 0; i < SocketServer::kMostClients + 8; ++i) {
    clients.push_back(
        std::make_unique<Stream>(boost::asio::local::stream_protocol::endpoint(path)));
  }
  std::string reply;
  *clients.front() << "first\n" << std::flush;
  std::getline(*clients.front(), reply);
  EXPECT_EQ(reply, "first!");
  clients.clear();
  // Places come free when the server has seen the others leave.
  for (int i = 0; i < 1000 && ask("again\n") != "again!"; ++i) std::this_thread::yield();
  EXPECT_EQ(ask("again\n"), "again!");
  io.stop();
  thread.join();
}

// Who follows is told of each event, and asks on as before; who does not read is let go.
TEST_F(Management, EventsGoToThoseWhoFollow) {
  boost::asio::io_context io;
  SocketServer server(io, [](std::string request, SocketServer::Reply reply) {
    reply({request + "!", request == "follow"});
  });
  ASSERT_EQ(server.open(path), "");
  auto work = boost::asio::make_work_guard(io);
  std::thread thread([&] { io.run(); });
  using Stream = boost::asio::local::stream_protocol::iostream;
  boost::asio::local::stream_protocol::endpoint here(path);
  Stream follower{here}, other{here}, sleeper{here};
  auto asked = [](Stream& client, const char* what) {
    client << what << '\n' << std::flush;
    std::string reply;
    std::getline(client, reply);
    return reply;
  };
  EXPECT_EQ(asked(other, "ask"), "ask!");
  EXPECT_EQ(asked(follower, "follow"), "follow!");
  EXPECT_EQ(asked(sleeper, "follow"), "follow!");
  EXPECT_EQ(asked(follower, "follow"), "follow!");
  std::string event;
  for (const char* text : {"one", "two"}) {
    boost::asio::post(io, [&] { server.tell(text); });
    std::getline(follower, event);
    EXPECT_EQ(event, text);
  }
  EXPECT_EQ(asked(follower, "more"), "more!");
  EXPECT_EQ(asked(other, "ask"), "ask!");
  std::vector<std::unique_ptr<Stream>> more;
  size_t followers = 2;
  for (; followers < SocketServer::kMostFollowers + 3; ++followers) {
    more.push_back(std::make_unique<Stream>(here));
    if (asked(*more.back(), "follow") != "follow!") break;
  }
  EXPECT_EQ(followers, SocketServer::kMostFollowers);
  more.clear();
  EXPECT_EQ(asked(other, "ask"), "ask!");
  const std::string large(10000, 'x');
  for (size_t i = 0; i < 2 * SocketServer::kMostUnread; ++i) {
    boost::asio::post(io, [&] { server.tell(large); });
    std::getline(follower, event);
    ASSERT_EQ(event, large);
  }
  size_t got = 0;
  while (std::getline(sleeper, event)) ++got;
  EXPECT_LT(got, 2 * SocketServer::kMostUnread);
  io.stop();
  thread.join();
}

TEST_F(Management, AFileInTheWayIsNotDeleted) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fclose(file);
  boost::asio::io_context io;
  SocketServer server(io, [](std::string, SocketServer::Reply reply) { reply({}); });
  EXPECT_NE(server.open(path).find("no socket"), std::string::npos);
  EXPECT_EQ(std::remove(path.c_str()), 0);
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
