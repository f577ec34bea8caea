#include <gtest/gtest.h>

#include <random>
#include <set>

#include "sipcore/build/edit.h"
#include "sipcore/build/token.h"
#include "sipcore/proxy/forward.h"
#include "tests/simulation/messages.h"
#include "tests/sipcore/reference_key.h"

namespace sipcore {
namespace {

// The vectors of the SipHash reference: key 00..0f, input 00 01 02 ...
TEST(SipHash, KnownVectors) {
  std::string input;
  EXPECT_EQ(siphash(kKey, input), 0x726fdb47dd0e0e31u);
  for (int i = 0; i < 15; ++i) input += static_cast<char>(i);
  EXPECT_EQ(siphash(kKey, input), 0xa129ca6149be45e5u);
  Hash128 wide = SipHash(kKey, true).add("").finish_wide();
  EXPECT_EQ(wide.low, 0xe6a825ba047f81a3u);
  EXPECT_EQ(wide.high, 0x930255c71472f66du);
}

TEST(SipHash, CutsDoNotMatter) {
  std::string text = "a text that is cut in all places, to give the same hash each time";
  for (size_t i = 0; i <= text.size(); ++i) {
    EXPECT_EQ(SipHash(kKey).add(text.substr(0, i)).add(text.substr(i)).finish(),
              siphash(kKey, text));
  }
}

TEST(Hex, EveryDigitAndNothingElse) {
  char digits[kHexDigits];
  write_hex(0x0123456789abcdef, digits);
  EXPECT_EQ(std::string_view(digits, kHexDigits), "0123456789abcdef");
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    uint64_t number = random(), read = 0;
    write_hex(number, digits);
    ASSERT_TRUE(read_hex(digits, read));
    ASSERT_EQ(read, number);
    for (int c = 0; c < 256; ++c) {
      digits[i % 16] = static_cast<char>(c);
      bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      ASSERT_EQ(read_hex(digits, read), digit) << c;
    }
  }
}

TEST(Token, BranchRoundTripAndEveryChangedDigitIsRefused) {
  BranchToken token{7, 123456, 42, 0xabcdef0123456789};
  char text[kBranchSize];
  std::string branch(write_branch(kKey, token, text));
  BranchToken read;
  ASSERT_EQ(read_branch(kKey, branch, read), TokenStatus::kOk);
  EXPECT_EQ(read, token);
  for (size_t i = 8; i < branch.size(); ++i) {
    std::string changed = branch;
    changed[i] = changed[i] == 'a' ? 'b' : 'a';
    EXPECT_EQ(read_branch(kKey, changed, read), TokenStatus::kForged) << i;
  }
  EXPECT_EQ(read_branch({1, 2}, branch, read), TokenStatus::kForged);
  EXPECT_EQ(read_branch(kKey, branch.substr(1), read), TokenStatus::kForeign);
  EXPECT_EQ(read_branch(kKey, "z9hG4bK-other", read), TokenStatus::kForeign);
}

TEST(Token, RouteIsBoundToItsCall) {
  for (const char* to : {"198.18.0.21:5060", "[2001:db8::1]:5062"}) {
    for (const char* flow : {"", "198.18.0.99:40001", "[2001:db8::99]:40001"}) {
      RouteToken token{*parse_endpoint(to, 0), 77};
      if (*flow != 0) token.caller_listen = *parse_endpoint(flow, 0);
      if (*flow != 0 && to[0] == '[') token.caller_flow = *parse_endpoint("198.18.0.98:1", 0);
      char text[kRouteTokenMost];
      std::string route(write_route_token(kKey, token, "call-1", text));
      RouteToken read;
      ASSERT_EQ(read_route_token(kKey, route, "call-1", read), TokenStatus::kOk);
      EXPECT_EQ(read, token);
      EXPECT_EQ(read_route_token(kKey, route, "call-2", read), TokenStatus::kForged);
      for (size_t size = 0; size < route.size(); ++size) {
        EXPECT_NE(read_route_token(kKey, route.substr(0, size), "call-1", read), TokenStatus::kOk);
      }
      route[3] = route[3] == '1' ? '2' : '1';
      EXPECT_EQ(read_route_token(kKey, route, "call-1", read), TokenStatus::kForged);
    }
  }
}

// In place, into a copy, and done naively with strings: the same bytes for any list of edits.
TEST(Edit, InPlaceAndCopyAgree) {
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string message;
    for (size_t i = 0, size = 1 + random() % 300; i < size; ++i) {
      message += static_cast<char>('a' + random() % 26);
    }
    EditList list;
    std::string wanted, inserts(400, '#');
    size_t at = 0;
    for (size_t i = 0, edits = random() % 10; i < edits && at < message.size(); ++i) {
      size_t offset = at + random() % (message.size() - at + 1);
      size_t removed = random() % (message.size() - offset + 1) % 20;
      std::string_view text = std::string_view(inserts).substr(0, random() % 40);
      list.add(offset, removed, text);
      wanted += message.substr(at, offset - at) + std::string(text);
      at = offset + removed;
    }
    wanted += message.substr(at);
    std::array<char, 2048> copy;
    size_t size = apply_copy(list, message, copy);
    ASSERT_EQ(std::string(copy.data(), size), wanted);
    std::string buffer = std::string(512, '.') + message;
    char* begin = apply_in_place(list, buffer.data() + 512, message.size(), 512);
    ASSERT_NE(begin, nullptr);
    ASSERT_EQ(std::string(begin, buffer.data() + buffer.size()), wanted);
  }
}

TEST(Edit, RefusesOverlapAndLackOfRoom) {
  EditList overlapping;
  overlapping.add(0, 10, "x");
  overlapping.add(5, 2, "y");
  EXPECT_TRUE(overlapping.broken());
  EditList growing;
  growing.insert(3, "0123456789");
  std::string buffer(100, 'm');
  EXPECT_EQ(apply_in_place(growing, buffer.data() + 9, 91, 9), nullptr);
  EXPECT_EQ(buffer, std::string(100, 'm'));
  std::array<char, 100> small;
  EXPECT_EQ(apply_copy(growing, buffer, small), 0u);
}

struct Forwarded {
  std::string text;
  RoutePlan plan;
};

Forwarded forward(const tests::RequestText& request) {
  static Message message;
  static std::string in;
  static ForwardScratch scratch;
  in = tests::text_of(request);
  Essentials essentials;
  EXPECT_EQ(validate(message, message.parse(in), essentials), Fault::kNone);
  static const Endpoint self[] = {*parse_endpoint("198.18.0.1:5060", 0)};
  Forwarded out;
  out.plan = plan_route(message, essentials, {self}, kKey);
  Hop hop;
  hop.branch = "z9hG4bKours";
  hop.sent_by = self[0];
  hop.source = *parse_endpoint("198.18.0.10:5060", 0);
  EditList edits;
  if (out.plan.fault != Fault::kNone) return out;
  EXPECT_TRUE(forward_request(message, essentials, out.plan, hop, scratch, edits));
  std::array<char, 4096> buffer;
  out.text.assign(buffer.data(), apply_copy(edits, in, buffer));
  return out;
}

// RFC 3261 16.12.1.1: loose routing.
TEST(Route, OwnRouteIsRemovedAndTheNextIsFollowed) {
  tests::RequestText request;
  request.headers = "Route: <sip:198.18.0.1;lr>, <sip:198.18.0.50;lr>\r\n";
  Forwarded out = forward(request);
  EXPECT_EQ(out.plan.popped, 1u);
  EXPECT_EQ(out.plan.next->uri.text, "sip:198.18.0.50;lr");
  EXPECT_EQ(tests::header_of(out.text, HeaderName::kRoute), "<sip:198.18.0.50;lr>");
}

// RFC 3261 16.12.1.2: the next hop is a strict router.
TEST(Route, StrictRouterGetsItsOwnUri) {
  tests::RequestText request;
  request.headers = "Route: <sip:198.18.0.1;lr>, <sip:198.18.0.50>\r\n";
  std::string text = forward(request).text;
  EXPECT_TRUE(text.starts_with("INVITE sip:198.18.0.50 SIP/2.0\r\n")) << text;
  EXPECT_EQ(tests::header_of(text, HeaderName::kRoute), "<sip:bob@198.18.0.1>");
}

// Found by the fuzzer: such a Route made a Request-URI that nobody could have forwarded.
TEST(Route, RouteThatIsNoSipUriIsRefused) {
  for (const char* route : {"<i:services.example.com;lr>", "<sip:198.18.0.50?Subject=x>"}) {
    tests::RequestText request;
    request.headers = "Route: " + std::string(route) + "\r\n";
    EXPECT_EQ(forward(request).plan.fault, Fault::kBadRoute) << route;
  }
}

// RFC 3261 16.4: a strict router before us put our recorded URI into the Request-URI.
TEST(Route, StrictRoutingBeforeUsIsUndone) {
  char text[kRouteTokenMost];
  RouteToken token{*parse_endpoint("198.18.0.21:5060", 0), 1};
  tests::RequestText request;
  request.uri =
      "sip:198.18.0.1;lr;t=" + std::string(write_route_token(kKey, token, request.call_id, text));
  request.headers = "Route: <sip:bob@198.18.0.21>\r\n";
  Forwarded out = forward(request);
  EXPECT_TRUE(out.text.starts_with("INVITE sip:bob@198.18.0.21 SIP/2.0\r\n")) << out.text;
  EXPECT_EQ(tests::header_of(out.text, HeaderName::kRoute), "");
  EXPECT_EQ(out.plan.token, token);
}

// Both of our recorded routes in use by a strict router, on one line and on two.
TEST(Route, StrictRoutingBeforeUsWithTwoOwnRoutes) {
  char text[kRouteTokenMost];
  RouteToken token{*parse_endpoint("198.18.0.21:5060", 0), 1};
  tests::RequestText request;
  request.uri =
      "sip:198.18.0.1;lr;t=" + std::string(write_route_token(kKey, token, request.call_id, text));
  for (const char* between : {", ", "\r\nRoute: "}) {
    for (const char* more : {"", ", <sip:198.18.0.50;lr>"}) {
      request.headers = std::string("Route: <sip:198.18.0.1;lr>") + more + between +
                        "<sip:bob@198.18.0.21>\r\nX-After: 1\r\n";
      Forwarded out = forward(request);
      EXPECT_TRUE(out.text.starts_with("INVITE sip:bob@198.18.0.21 SIP/2.0\r\n")) << out.text;
      EXPECT_EQ(tests::header_of(out.text, HeaderName::kRoute), *more ? more + 2 : "") << out.text;
      EXPECT_NE(out.text.find("\r\nX-After: 1\r\n"), std::string::npos);
    }
  }
}

TEST(Forward, MaxForwardsKeepsItsWidthAndIsAddedWhereMissing) {
  EXPECT_EQ(tests::header_of(forward({}).text, HeaderName::kMaxForwards), "69");
  tests::RequestText request;
  std::string in = tests::text_of(request);
  for (auto [before, after] :
       {std::pair{"100", "099"}, {"10", "09"}, {"0000000000001", "0000000000000"}}) {
    std::string text = in;
    text.replace(text.find("70\r\n"), 2, before);
    Message message;
    Essentials essentials;
    ASSERT_EQ(validate(message, message.parse(text), essentials), Fault::kNone);
    ForwardScratch scratch;
    EditList edits;
    Hop hop;
    hop.sent_by = hop.source = *parse_endpoint("198.18.0.10:5060", 0);
    RoutePlan plan;
    plan.request_uri = essentials.request_uri;
    ASSERT_TRUE(forward_request(message, essentials, plan, hop, scratch, edits));
    std::array<char, 4096> buffer;
    std::string out(buffer.data(), apply_copy(edits, text, buffer));
    EXPECT_EQ(tests::header_of(out, HeaderName::kMaxForwards), after);
  }
}

}  // namespace
}  // namespace sipcore
