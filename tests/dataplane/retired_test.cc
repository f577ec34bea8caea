// Transactions that are over but for repetitions (RFC 3261 17.1.2.2, 17.2.2, RFC 6026 7): a cache
// line each, and nobody outside can tell.
#include <algorithm>

#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using sipcore::HeaderName;

class RetiredTest : public CallTest {
 protected:
  Datagram answered_invite() {
    Datagram at_backend = invite();
    from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
    EXPECT_EQ(node.count(Count::transactions_retired), 1u);
    return at_backend;
  }
  // Lines in any order, and the body: what a response says.
  static std::vector<std::string> said(const std::string& message) {
    std::vector<std::string> lines;
    size_t end = message.find("\r\n\r\n");
    for (size_t at = 0; at < end; at = message.find("\r\n", at) + 2) {
      lines.push_back(message.substr(at, message.find("\r\n", at) - at));
    }
    std::sort(lines.begin(), lines.end());
    lines.push_back(message.substr(end));
    return lines;
  }
  // The request gets that response, and again when it is repeated.
  void expect_the_same_again(const RequestText& request, const std::string& response_start,
                             const std::string& headers, const std::string& body) {
    auto out = from_caller(text_of(request));
    ASSERT_EQ(out.size(), 1u);
    std::string response = response_to(out[0].bytes, 200, "bob", headers, body);
    response.replace(0, response.find("\r\n"), response_start);
    out = from_backend(out[0], response);
    ASSERT_EQ(out.size(), 1u) << response;
    std::string first = out[0].bytes;
    EXPECT_TRUE(first.starts_with(response_start + "\r\n"));
    for (int again = 0; again < 2; ++again) {
      out = from_caller(text_of(request));
      ASSERT_EQ(out.size(), 1u) << response;
      EXPECT_EQ(said(out[0].bytes), said(first));
      EXPECT_EQ(out[0].to, kCaller);
    }
  }
};

TEST_F(RetiredTest, RepeatedRequestGetsTheSameResponse) {
  const std::pair<std::string, std::string> kOwn[] = {
      {"", ""},
      {"Server: a telephone\r\nSupported: timer,\r\n path\r\n", ""},
      {"Content-Type: text/plain\r\n", "\r\n\r\nand a body"},
      {"Warning: 399 b \"" + std::string(700, 'x') + "\"\r\n", std::string(1000, 'y')},
  };
  int number = 2;
  Datagram at_backend = answered_invite();
  for (const auto& [headers, body] : kOwn) {
    for (const char* start : {"SIP/2.0 200 OK", "SIP/2.0 202 Later", "SIP/2.0 404 Not Found",
                              "SIP/2.0 488 ", "SIP/2.0 603 No"}) {
      RequestText inside = in_dialog("INFO", at_backend, number);
      expect_the_same_again(inside, start, headers, body);
      RequestText outside;
      outside.method = "OPTIONS";
      outside.via = "SIP/2.0/UDP 198.18.0.10:5060;rport;branch=z9hG4bKo" + std::to_string(number);
      outside.via += "\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKfurther";
      expect_the_same_again(outside, start, headers, body);
      ++number;
    }
  }
  EXPECT_EQ(node.count(Count::transactions_retired), 41u);
  wait(40000);
  EXPECT_EQ(node.count(Count::retired_freed), 41u);
  EXPECT_EQ(node.transactions(), 0u);
  EXPECT_EQ(node.blobs(), 0u);
}

TEST_F(RetiredTest, InviteIsAbsorbedItsCancelAnsweredEvery2xxGoesUp) {
  Datagram at_backend = answered_invite();
  EXPECT_TRUE(from_caller(text_of({})).empty());
  RequestText cancel;
  cancel.method = "CANCEL";
  auto out = from_caller(text_of(cancel));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
  for (const char* tag : {"bob", "another"}) {
    out = from_backend(at_backend, response_to(at_backend.bytes, 200, tag));
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].to, kCaller);
    EXPECT_EQ(header_of(out[0].bytes, HeaderName::kVia), RequestText{}.via);
  }
  for (int status : {100, 180, 404, 503}) {
    EXPECT_TRUE(from_backend(at_backend, response_to(at_backend.bytes, status, "bob")).empty());
  }
  node.unreachable(at_backend);
  EXPECT_TRUE(node.settle(now).empty());
  EXPECT_EQ(node.count(Count::drop_stale_token), 0u);
  EXPECT_EQ(node.count(Count::response_consumed), 4u);
}

// Timers L and J: 64 * T1. After it the same request is a new one, the same response nobody's.
TEST_F(RetiredTest, EndsWithItsTimer) {
  Datagram at_backend = answered_invite();
  wait(31900);
  EXPECT_TRUE(from_caller(text_of({})).empty());
  EXPECT_EQ(from_backend(at_backend, response_to(at_backend.bytes, 200, "bob")).size(), 1u);
  wait(200);
  EXPECT_TRUE(from_backend(at_backend, response_to(at_backend.bytes, 200, "bob")).empty());
  EXPECT_EQ(node.count(Count::drop_stale_token), 1u);
  EXPECT_EQ(from_caller(text_of({})).size(), 2u);
}

TEST_F(RetiredTest, RepeatedResponseToAnotherRequestEndsHere) {
  Datagram at_backend = answered_invite();
  auto out = from_caller(text_of(in_dialog("BYE", at_backend, 2)));
  std::string response = response_to(out.at(0).bytes, 200, "bob");
  EXPECT_EQ(from_backend(out[0], response).size(), 1u);
  EXPECT_TRUE(from_backend(out[0], response).empty());
  EXPECT_EQ(node.count(Count::response_consumed), 1u);
}

// The destination that answers is not the one that the transaction was first known by.
TEST_F(RetiredTest, AnswerOfTheSecondDestination) {
  Datagram first = invite();
  node.unreachable(first);
  auto out = node.settle(now);
  ASSERT_EQ(out.size(), 1u);
  Datagram second = out[0];
  EXPECT_EQ(from_backend(second, response_to(second.bytes, 200, "bob")).size(), 1u);
  EXPECT_EQ(node.count(Count::transactions_retired), 1u);
  EXPECT_TRUE(from_caller(text_of({})).empty());
  EXPECT_EQ(from_backend(second, response_to(second.bytes, 200, "bob")).size(), 1u);
  EXPECT_TRUE(from_backend(first, response_to(first.bytes, 200, "bob")).empty());
  EXPECT_EQ(node.count(Count::drop_stale_token), 1u);
  wait(40000);
  EXPECT_EQ(node.transactions(), 0u);
}

// Another destination may still say something: nothing is given away before.
TEST_F(RetiredTest, NotBeforeEveryDestinationHasEnded) {
  Datagram first = invite(), second;
  for (const Datagram& one : wait(2500)) {
    if (one.to != first.to && one.to != kCaller) second = one;
  }
  from_backend(second, response_to(second.bytes, 200, "two"));
  EXPECT_EQ(node.count(Count::transactions_retired), 0u);
  auto out = from_backend(first, response_to(first.bytes, 180, "one"));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(method_of(out[0].bytes), "CANCEL");
}

// A request with the branch of another: it gets no answer that looks like its own, and is not taken
// for new either.
TEST_F(RetiredTest, AnotherRequestWithAUsedBranchIsNotAnswered) {
  Datagram at_backend = answered_invite();
  RequestText info = in_dialog("INFO", at_backend, 2);
  auto out = from_caller(text_of(info));
  from_backend(out.at(0), response_to(out[0].bytes, 200, "bob", "Server: x\r\n"));
  EXPECT_EQ(from_caller(text_of(info)).size(), 1u);
  RequestText other = info;
  other.cseq = 3;
  EXPECT_TRUE(from_caller(text_of(other)).empty());
  other = info;
  other.to = "<sip:bob@198.18.0.1>";
  EXPECT_TRUE(from_caller(text_of(other)).empty());
  other = info;
  other.call_id = "another";
  EXPECT_TRUE(from_caller(text_of(other)).empty());
  EXPECT_EQ(node.count(Count::retransmission), 4u);
}

// Calls need the room more than what is over.
TEST_F(RetiredTest, OldestIsForgottenWhereRoomIsWanted) {
  Node small({.limits = {8, 8, 8, 64}});  // 16 branches
  auto ask = [&](int number) {
    RequestText request;
    request.method = "OPTIONS";
    request.via += std::to_string(number);
    small.deliver({kCaller, kTandem, text_of(request)});
    auto out = small.settle(1000);
    if (out.empty() || status_of(out[0].bytes) != 0) return out.size();
    small.deliver({out[0].to, kTandem, response_to(out[0].bytes, 200, "bob")});
    EXPECT_EQ(status_of(small.settle(1000).at(0).bytes), 200);
    return size_t{100};
  };
  for (int number = 0; number < 20; ++number) EXPECT_EQ(ask(number), 100u);
  EXPECT_EQ(small.count(Count::retired_early), 4u);
  EXPECT_EQ(small.count(Count::rejected_full), 0u);
  EXPECT_EQ(ask(4), 1u);    // still known: answered from memory
  EXPECT_EQ(ask(0), 100u);  // forgotten, and asked again
  small.settle(50000);
  EXPECT_EQ(small.transactions(), 0u);
}

// Parts leave room for the messages of calls; what was not kept is not said again.
TEST_F(RetiredTest, PartsDoNotTakeTheRoomOfMessages) {
  Node small({.limits = {64, 64, 64, 16}});
  for (int number = 0; number < 60; ++number) {
    RequestText request;
    request.method = "MESSAGE";
    request.via += std::to_string(number);
    small.deliver({kCaller, kTandem, text_of(request)});
    auto out = small.settle(1000);
    ASSERT_EQ(out.size(), 1u) << number;
    ASSERT_EQ(status_of(out[0].bytes), 0) << number;
    small.deliver({out[0].to, kTandem,
                   response_to(out[0].bytes, 200, "bob", "X: " + std::string(400, 'x') + "\r\n")});
    ASSERT_EQ(small.settle(1000).size(), 1u);
  }
  EXPECT_EQ(small.count(Count::rejected_full), 0u);
  RequestText last;
  last.method = "MESSAGE";
  last.via += "59";
  small.deliver({kCaller, kTandem, text_of(last)});
  EXPECT_TRUE(small.settle(1000).empty());
}

}  // namespace
}  // namespace tests
