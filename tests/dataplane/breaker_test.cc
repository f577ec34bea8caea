// Which destinations are left alone for what became of the calls they got.
#include <gtest/gtest.h>

#include "sipcore/build/probe.h"
#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Algorithm;
using control::link::Count;
using control::link::RunningConfig;
using sipcore::Breaker;

class BreakerTest : public CallTest {
 protected:
  void SetUp() override { configure(2); }
  void configure(size_t backends) {
    node.configure([&](RunningConfig& config) {
      auto& group = config.groups[0];
      group.algorithm = Algorithm::kRoundRobin;
      group.destinations.resize(backends);
      group.slow_start_ms = 0;
    });
  }
  // A new call; where its INVITE went.
  Datagram begin() {
    RequestText text;
    text.call_id = "breaker-" + std::to_string(++calls);
    text.via += text.call_id;
    auto out = from_caller(text_of(text));
    return out.size() == 2 ? out[1] : Datagram{};
  }
  void answer(const Datagram& invite_, int status, const std::string& headers = {}) {
    from_backend(invite_, response_to(invite_.bytes, status, "bob", headers));
  }
  Breaker::Phase phase(size_t i) { return Breaker(node.destination(i).breaker).phase(); }
  // Lets `ms` pass, a call each 10 ms; backend 1 answers, backend 0 does what `zero` says. How many
  // calls went to backend 0.
  template <class Zero>
  int run(uint64_t ms, Zero zero) {
    int got = 0;
    for (uint64_t end = now + ms; now < end;) {
      Datagram at = begin();
      if (at.to == backend(0)) {
        ++got;
        zero(at);
      } else if (!at.bytes.empty()) {
        answer(at, 486);
      }
      for (const Datagram& out : wait(10)) {
        bool invite_ = status_of(out.bytes) == 0 && method_of(out.bytes) == "INVITE";
        if (invite_ && out.to == backend(1)) answer(out, 486);
      }
    }
    return got;
  }

  int calls = 0;
};

// A hundred calls a second: the one that says nothing any more is out in under a second.
TEST_F(BreakerTest, SilentOneIsOutInUnderASecond) {
  EXPECT_GE(run(500, [&](const Datagram& at) { answer(at, 486); }), 20);
  run(900, [](const Datagram&) {});
  EXPECT_EQ(phase(0), Breaker::Phase::kOpen);
  EXPECT_EQ(run(500, [](const Datagram&) {}), 0);
  EXPECT_EQ(node.destination(0).opened, 1u);
}

TEST_F(BreakerTest, SilentOneIsTriedFromTimeToTimeAndTakenBackWhenItAnswers) {
  run(2000, [](const Datagram&) {});
  int trials = run(20000, [](const Datagram&) {});
  EXPECT_GE(trials, 2);
  EXPECT_LE(trials, 5) << "each time it is left alone for twice as long";
  wait(40000);
  run(500, [&](const Datagram& at) { answer(at, 486); });
  EXPECT_EQ(phase(0), Breaker::Phase::kClosed);
  EXPECT_GE(run(500, [&](const Datagram& at) { answer(at, 486); }), 20);
}

TEST_F(BreakerTest, UnreachableOneIsOutAfterFiveCalls) {
  int got = run(1000, [&](const Datagram& at) {
    node.unreachable(at);
    node.settle(now);
  });
  EXPECT_EQ(got, 5);
}

// A slow answer is an answer: what counts is that there is none at all until the first repetition.
TEST_F(BreakerTest, SlowOneStaysIn) {
  run(5000, [&](const Datagram& at) { answer(at, 100); });
  EXPECT_EQ(phase(0), Breaker::Phase::kClosed);
}

TEST_F(BreakerTest, CodesThatOpenAreTheGroups) {
  node.configure([&](RunningConfig& config) {
    auto& group = config.groups[0];
    group.algorithm = Algorithm::kRoundRobin;
    group.destinations.resize(2);
    group.breaker_codes.reset().set(500);
  });
  run(500, [&](const Datagram& at) { answer(at, 404); });
  EXPECT_EQ(phase(0), Breaker::Phase::kClosed);
  EXPECT_EQ(run(500, [&](const Datagram& at) { answer(at, 500); }), 5);
  EXPECT_EQ(phase(0), Breaker::Phase::kOpen);
}

// A server says 100 before it has looked at the request: only more than that shows that it works.
TEST_F(BreakerTest, TryingIsNoAnswer) {
  auto refuses = [&](const Datagram& at) {
    answer(at, 100);
    answer(at, 503);
  };
  EXPECT_EQ(run(500, refuses), 5);
  EXPECT_EQ(phase(0), Breaker::Phase::kOpen);
  run(1500, [](const Datagram&) {});
  Datagram trial;
  run(400, [&](const Datagram& at) {
    trial = at;
    answer(at, 100);
  });
  EXPECT_EQ(phase(0), Breaker::Phase::kTrial);
  answer(trial, 180);
  EXPECT_EQ(phase(0), Breaker::Phase::kClosed);
}

// RFC 3261 21.5.4: it gets nothing for as long as it says, and then is asked as before.
TEST_F(BreakerTest, Status503WithRetryAfterHoldsItForThatTime) {
  bool busy = true;
  auto zero = [&](const Datagram& at) {
    if (busy) {
      answer(at, 503, "Retry-After: 4 (busy);duration=9\r\n");
    } else {
      answer(at, 486);
    }
    busy = false;
  };
  run(20, zero);
  EXPECT_EQ(phase(0), Breaker::Phase::kHeld);
  EXPECT_EQ(run(3900, zero), 0);
  run(200, zero);
  EXPECT_EQ(phase(0), Breaker::Phase::kClosed);
  EXPECT_GE(run(200, zero), 8);
}

TEST_F(BreakerTest, NobodyIsHeldForLongerThanTheConfigurationAllows) {
  int said = 0;
  run(20, [&](const Datagram& at) {
    if (said++ == 0) answer(at, 503, "Retry-After: 99999999999999999999\r\n");
  });
  EXPECT_EQ(Breaker(node.destination(0).breaker).at_ms() / 1000, (now + 300000) / 1000);
}

// A breaker keeps calls for those who can take them; where nobody can, it keeps nobody from trying.
TEST_F(BreakerTest, OnlyDestinationIsAskedThoughItsBreakerIsOpen) {
  configure(1);
  for (int i = 0; i < 10; ++i) {
    Datagram at = begin();
    ASSERT_EQ(at.to, backend(0));
    node.unreachable(at);
    node.settle(now);
  }
  EXPECT_EQ(phase(0), Breaker::Phase::kOpen);
  EXPECT_EQ(begin().to, backend(0));
}

// But one that asked to be left alone is.
TEST_F(BreakerTest, OnlyDestinationIsNotAskedWhileItIsHeld) {
  configure(1);
  answer(begin(), 503, "Retry-After: 2\r\n");
  EXPECT_EQ(begin().bytes, "");
  EXPECT_EQ(node.count(Count::rejected_no_backend), 2u);
  wait(2000);
  EXPECT_EQ(begin().to, backend(0));
}

TEST_F(BreakerTest, ReturnsSlowly) {
  node.configure([&](RunningConfig& config) {
    auto& group = config.groups[0];
    group.algorithm = Algorithm::kRandom;
    group.destinations.resize(2);
    group.slow_start_ms = 10000;
  });
  node.destination(0).breaker = Breaker::closed(now).word();
  auto well = [&](const Datagram& at) { answer(at, 486); };
  int first = run(2000, well), middle = (run(3000, well), run(2000, well));
  int last = (run(3000, well), run(2000, well));
  EXPECT_LT(first, 30);
  EXPECT_GT(first, 5);
  EXPECT_GT(middle, first);
  EXPECT_GT(last, 75);
}

// One that starts slowly takes all where it is the only one.
TEST_F(BreakerTest, SlowStartRefusesNobody) {
  configure(1);
  node.configure([&](RunningConfig& config) { config.groups[0].destinations.resize(1); });
  node.destination(0).breaker = Breaker::closed(now).word();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(begin().to, backend(0));
}

// Other requests may wait for their final response (RFC 4320): a late one is late, a lost one lost.
TEST_F(BreakerTest, SilenceToOtherRequestsCountsWhenItIsOver) {
  node.configure([](RunningConfig& config) {
    auto& group = config.groups[0];
    group.algorithm = Algorithm::kParallel;
    group.destinations.resize(1);
    group.breaker.failures = 1;
    group.failover_after_ms = 32000;
  });
  RequestText text;
  text.method = "MESSAGE";
  ASSERT_EQ(from_caller(text_of(text)).size(), 1u);
  wait(1000);
  EXPECT_EQ(phase(0), Breaker::Phase::kClosed);
  wait(33000);
  EXPECT_EQ(phase(0), Breaker::Phase::kOpen);
}

// A probe that control has written goes out, and its answer comes back to control, whichever worker
// gets it; nobody else can answer it.
TEST_F(BreakerTest, ProbeAndItsAnswer) {
  Node two({.workers = 2});
  sipcore::BranchToken token{sipcore::kProbeWorker, 1, 7, 5000};
  control::link::Outgoing out;
  out.to = backend(1);
  sipcore::Probe probe{token, kTandem, "sip:198.18.0.22", "sip:tandem@198.18.0.1"};
  out.size =
      static_cast<uint16_t>(sipcore::build_probe(probe, two.config().keys.branch, out.bytes));
  ASSERT_GT(out.size, 0);
  two.exchange().to_send[1]->push(out);
  auto sent = two.settle(now);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, backend(1));
  EXPECT_EQ(method_of(sent[0].bytes), "OPTIONS");
  EXPECT_EQ(two.count(Count::sent_probe), 1u);
  std::string answer = response_to(sent[0].bytes, 503, "b", "Retry-After: 9\r\n");
  for (size_t worker = 0; worker < 2; ++worker) {
    two.deliver({backend(1), kTandem, answer}, worker);
    EXPECT_TRUE(two.settle(now).empty());
  }
  control::link::ToControl told;
  size_t answers = 0;
  for (auto& mailbox : two.exchange().to_control) {
    while (mailbox->pop(told)) {
      if (told.what != control::link::ToControl::What::kProbeAnswered) continue;
      ++answers;
      EXPECT_EQ(told.branch, token);
      EXPECT_EQ(told.status, 503);
      EXPECT_EQ(told.retry_after_s, 9u);
    }
  }
  EXPECT_EQ(answers, 2u);
  size_t check = answer.find("z9hG4bKt") + 50;
  answer[check] = answer[check] == 'a' ? 'b' : 'a';
  two.deliver({backend(1), kTandem, answer});
  two.settle(now);
  EXPECT_EQ(two.count(Count::drop_forged_token), 1u);
}

}  // namespace
}  // namespace tests
