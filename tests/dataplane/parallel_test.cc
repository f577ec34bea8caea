// Parallel forking over three backends: the first answer wins, else the best failure goes up
// (RFC 3261 16.7 steps 5 to 7).
#include <algorithm>

#include "sipcore/balance/breaker.h"
#include "tests/dataplane/balance_fixture.h"

namespace tests {
namespace {

using sipcore::HeaderName;

class ParallelTest : public BalanceTest {
 protected:
  void SetUp() override {
    configure([](Group& group) { group.algorithm = control::link::Algorithm::kParallel; });
  }
  // The 100 and the three INVITEs.
  std::vector<Datagram> ask_all(int call = 1) {
    auto out = from_caller(text_of(request(call)));
    EXPECT_EQ(out.size(), 4u);
    out.resize(4);
    return out;
  }
  struct Response {
    int status;
    std::string header;  // without its line end
  };
  // What goes up when they have answered so.
  std::string best_of(const std::vector<Response>& responses, int call = 1) {
    auto asked = ask_all(call);
    std::string up;
    for (size_t i = 0; i < responses.size(); ++i) {
      const auto& [status, header] = responses[i];
      std::string line = header.empty() ? "" : header + "\r\n";
      for (const Datagram& one :
           from_backend(asked[i + 1], response_to(asked[i + 1].bytes, status, "b", line))) {
        if (one.to == kCaller) up = one.bytes;
      }
    }
    return up;
  }
  static std::string challenge(const std::string& realm, size_t size = 1) {
    return "WWW-Authenticate: Digest realm=\"" + realm + "\", nonce=\"" + std::string(size, 'x') +
           "\"";
  }
  void expect_nothing_left() {
    wait(70000);
    EXPECT_EQ(node.transactions(), 0u);
    EXPECT_EQ(node.blobs(), 0u);
  }
};

TEST_F(ParallelTest, AsksAllAndTheFirstAnswerWins) {
  auto out = ask_all();
  std::vector<sipcore::Endpoint> asked;
  for (size_t i = 1; i < 4; ++i) asked.push_back(out[i].to);
  std::sort(asked.begin(), asked.end());
  EXPECT_EQ(asked, (std::vector{backend(0), backend(1), backend(2)}));
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(from_backend(out[i], response_to(out[i].bytes, 180, "b")).size(), 1u);
  }
  auto after = from_backend(out[2], response_to(out[2].bytes, 200, "b"));
  ASSERT_EQ(after.size(), 3u);
  EXPECT_EQ(after[0].to, kCaller);
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(method_of(after[i].bytes), "CANCEL");
    EXPECT_NE(after[i].to, out[2].to);
  }
}

// The best failure goes up when all have failed, and the group behind this one is asked first.
TEST_F(ParallelTest, FailsWhenAllHave) {
  auto out = ask_all();
  from_backend(out[1], response_to(out[1].bytes, 486, "b"));
  from_backend(out[2], response_to(out[2].bytes, 404, "b"));
  auto after = from_backend(out[3], response_to(out[3].bytes, 480, "b"));
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(status_of(after[1].bytes), 486);
  wait(70000);
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(node.destination(i).in_use());
}

// All others are broken: the one that is asked gets no more time than in serial forking.
TEST_F(ParallelTest, BranchThatIsAloneIsNotWaitedForWithoutEnd) {
  uint64_t broken = sipcore::Breaker().failed(now, {1, 60000, 60000}).word();
  node.destination(0).breaker = broken;
  node.destination(1).breaker = broken;
  ASSERT_EQ(begin(1), 2);
  std::vector<sipcore::Endpoint> asked;
  for (const Datagram& one : wait(2100)) {
    if (one.to != backend(2) && one.to != kCaller) asked.push_back(one.to);
  }
  EXPECT_GE(asked.size(), 1u);
}

// Step 7: who calls through several that want to know him has to answer all of them at once.
TEST_F(ParallelTest, ChallengesOfAllGoUpTogether) {
  std::string up = best_of({{401, "WWW-Authenticate: Digest realm=\"one\", nonce=\"1\""},
                            {404, ""},
                            {407, "proxy-authenticate: Digest realm=\"three\",\r\n nonce=\"3\""}});
  EXPECT_EQ(status_of(up), 401);
  EXPECT_EQ(header_of(up, HeaderName::kWwwAuthenticate), "Digest realm=\"one\", nonce=\"1\"");
  EXPECT_EQ(header_of(up, HeaderName::kProxyAuthenticate),
            "Digest realm=\"three\",\r\n nonce=\"3\"");
}

// Step 6: what says how to ask again is worth more to a caller than what only says no.
TEST_F(ParallelTest, ChallengeBeatsOtherRefusals) {
  std::string up = best_of(
      {{404, ""}, {407, "Proxy-Authenticate: Digest realm=\"two\", nonce=\"2\""}, {480, ""}});
  EXPECT_EQ(status_of(up), 407);
  EXPECT_EQ(header_of(up, HeaderName::kProxyAuthenticate), "Digest realm=\"two\", nonce=\"2\"");
}

TEST_F(ParallelTest, ChallengeIsNoPartOfAnotherAnswer) {
  std::string up = best_of({{401, "WWW-Authenticate: Digest realm=\"one\", nonce=\"1\""},
                            {302, ""},
                            {407, "Proxy-Authenticate: Digest realm=\"three\", nonce=\"3\""}});
  EXPECT_EQ(status_of(up), 302);
  EXPECT_EQ(up.find("Authenticate"), std::string::npos);
}

// One byte more than a datagram holds: those of the first go up alone, and those that have room.
TEST_F(ParallelTest, ChallengesThatFitNoDatagramStayBehind) {
  const Response third = {407, "Proxy-Authenticate: Digest realm=\"three\", nonce=\"3\""};
  size_t small = best_of({{401, challenge("one")}, {401, challenge("two")}, {404, ""}}).size();
  size_t left = 65507 - small;
  std::string up = best_of(
      {{401, challenge("one", 30000)}, {401, challenge("two", left - 29999 + 1)}, {404, ""}}, 2);
  EXPECT_EQ(up.size(), 65507u);
  up = best_of({{401, challenge("one", 30000)}, {401, challenge("two", left - 29999 + 2)}, third},
               3);
  EXPECT_NE(up.find("realm=\"one\""), std::string::npos);
  EXPECT_EQ(up.find("realm=\"two\""), std::string::npos);
  EXPECT_NE(up.find("realm=\"three\""), std::string::npos);
  expect_nothing_left();
}

// What there was no room for does not keep the next one out.
TEST_F(ParallelTest, ChallengeGoesUpThoughTheFirstCouldNotBeKept) {
  int call = 10;
  size_t held = 0;
  do {
    auto asked = ask_all(call++);
    held = node.blobs();
    std::string long_one = challenge("long", 60000) + "\r\n";
    from_backend(asked[1], response_to(asked[1].bytes, 401, "b", long_one));
  } while (held != node.blobs());
  std::string up = best_of({{401, challenge("long", 60000)}, {401, challenge("two")}, {404, ""}});
  EXPECT_NE(up.find("realm=\"two\""), std::string::npos);
  wait(200000);
  expect_nothing_left();
}

// Who has hung up is not asked for credentials.
TEST_F(ParallelTest, ChallengeDoesNotBeatTheAnswerToCancel) {
  auto asked = ask_all();
  for (size_t i = 1; i < 4; ++i) from_backend(asked[i], response_to(asked[i].bytes, 180, "b"));
  RequestText cancel = request(1);
  cancel.method = "CANCEL";
  from_caller(text_of(cancel));
  from_backend(asked[1], response_to(asked[1].bytes, 487, "b"));
  std::string line = challenge("two") + "\r\n";
  from_backend(asked[2], response_to(asked[2].bytes, 401, "b", line));
  std::vector<Datagram> out = from_backend(asked[3], response_to(asked[3].bytes, 487, "b"));
  int status = 0;
  for (const Datagram& one : out) status = one.to == kCaller ? status_of(one.bytes) : status;
  EXPECT_EQ(status, 487);
}

}  // namespace
}  // namespace tests
