// More comes in than a worker can take: new requests are turned away, calls go on.
#include "dataplane/core/overload.h"

#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using dataplane::Overload;

struct Turns {
  void turn(Overload::Queue queue) { overload.note(queue, 0, now); }
  // Milliseconds with a burst each, all of them full.
  void full(uint64_t ms) {
    for (uint64_t end = now + ms; now < end;) {
      ++now;
      turn(Overload::Queue::kMore);
    }
  }
  void end() {
    ++now;
    turn(Overload::Queue::kEnd);
  }
  // Full turns, all in one millisecond.
  void burst(size_t count) {
    for (; count > 0; --count) turn(Overload::Queue::kMore);
  }
  void rest() { overload.note(Overload::Queue::kEnd, 100, now); }
  Overload overload;
  uint64_t now = 1000;
};

TEST(Overload, PauseOfTheMachineIsNone) {
  Turns turns;
  turns.full(19);
  EXPECT_FALSE(turns.overload.shedding());
  turns.end();
  turns.now += 5000;  // nothing came, or the machine stood still
  turns.burst(1);
  EXPECT_FALSE(turns.overload.shedding());
}

TEST(Overload, ShedsUntilTheEndOfTheQueueAndSoonerWhileItIsBusy) {
  Turns turns;
  turns.full(21);
  EXPECT_TRUE(turns.overload.shedding());
  EXPECT_EQ(turns.overload.judge(true), Overload::Verdict::kDrop);
  turns.end();
  EXPECT_FALSE(turns.overload.shedding());
  turns.burst(8);
  EXPECT_FALSE(turns.overload.shedding());  // once is not busy
  turns.full(60);
  turns.end();
  turns.burst(1);
  EXPECT_FALSE(turns.overload.shedding());
  turns.burst(1);  // within a millisecond: what is let in brings more
  EXPECT_TRUE(turns.overload.shedding());
  for (int ms = 0; ms < 100; ++ms) turns.end();
  turns.full(19);
  EXPECT_FALSE(turns.overload.shedding());
}

// What comes in heaps after an overload is let in again, unless there is no rest between them.
TEST(Overload, HeapsWithRestBetweenThemAreNone) {
  Turns turns;
  turns.full(60);
  auto sheds = [&](uint64_t rested_us) {
    bool shedding = false;
    for (int ms = 0; ms < 200; ++ms) {
      turns.overload.note(Overload::Queue::kEnd, rested_us, ++turns.now);
      turns.burst(3);
      shedding = turns.overload.shedding();
      if (shedding) turns.overload.drops(true);
      turns.turn(Overload::Queue::kEnd);
    }
    return shedding;
  };
  EXPECT_TRUE(sheds(50));
  EXPECT_FALSE(sheds(100));
}

// Pauses of 10 ms in each 50: the queue behind them is worked off, nobody is turned away.
TEST(Overload, PausesAgainAndAgainAreNone) {
  Turns turns;
  for (int pause = 0; pause < 200; ++pause) {
    turns.full(10);
    EXPECT_FALSE(turns.overload.shedding());
    for (int ms = 0; ms < 40; ++ms) turns.end();
  }
}

// Of a thousand new requests in this millisecond.
std::array<size_t, 3> judge_thousand(Overload& overload) {
  std::array<size_t, 3> verdicts{};
  for (int i = 0; i < 1000; ++i) ++verdicts[static_cast<size_t>(overload.judge(true))];
  return verdicts;
}

TEST(Overload, WhereTheEndDoesNotComeAFewAreLetIn) {
  Turns turns;
  turns.full(30);
  EXPECT_EQ(judge_thousand(turns.overload), (std::array<size_t, 3>{0, 0, 1000}));
  turns.full(20);
  EXPECT_EQ(judge_thousand(turns.overload), (std::array<size_t, 3>{16, 0, 984}));
  turns.end();
  turns.full(1);
  turns.burst(8);
  EXPECT_TRUE(turns.overload.shedding());
  EXPECT_EQ(judge_thousand(turns.overload), (std::array<size_t, 3>{0, 0, 1000}));
}

// Not sooner than a request would have come a second time.
TEST(Overload, WhereItLastsSomeAreRefused) {
  Turns turns;
  turns.full(900);
  EXPECT_EQ(judge_thousand(turns.overload), (std::array<size_t, 3>{16, 0, 984}));
  turns.full(200);
  EXPECT_EQ(judge_thousand(turns.overload), (std::array<size_t, 3>{16, 32, 952}));
  for (int ms = 0; ms < 100; ++ms) {
    turns.full(1);
    for (int i = 0; i < 2000; ++i) turns.overload.drops(true);
  }
  turns.full(1);
  EXPECT_EQ(judge_thousand(turns.overload), (std::array<size_t, 3>{16, 2, 982}));
}

// A flood of what cannot be turned away: nothing is gained by turning away the rest.
TEST(Overload, NobodyIsTurnedAwayWhereThatDoesNotHelp) {
  Turns turns;
  turns.full(21);
  EXPECT_TRUE(turns.overload.shedding());
  auto flood = [&](int messages) {
    turns.overload.took(static_cast<size_t>(messages));
    for (int i = 0; i < messages; i += 20) turns.overload.drops(true);
  };
  flood(60);
  turns.full(1);
  EXPECT_TRUE(turns.overload.shedding());  // too few to tell
  flood(60);
  turns.full(1);
  EXPECT_FALSE(turns.overload.shedding());
  turns.full(98);
  EXPECT_FALSE(turns.overload.shedding());
  turns.full(2);
  EXPECT_TRUE(turns.overload.shedding());  // tried again
}

// What belongs to calls comes in heaps now and then; by far the most are new requests.
TEST(Overload, AMomentOfOtherMessagesDoesNotEndIt) {
  Turns turns;
  turns.full(21);
  turns.overload.took(1000);
  for (int i = 0; i < 1000; ++i) turns.overload.drops(true);
  turns.full(1);
  turns.overload.took(500);
  turns.full(1);
  EXPECT_TRUE(turns.overload.shedding());
}

// After an overload messages come in heaps, a millisecond's all at once; whether the last one is
// too much.
bool sheds_after_heaps(bool rests) {
  Turns turns;
  turns.full(100);
  for (int ms = 0; ms < 100; ++ms) {
    ++turns.now;
    turns.burst(10);
    if (turns.overload.shedding()) turns.overload.drops(true);
    if (rests) {
      turns.rest();
    } else {
      turns.turn(Overload::Queue::kEnd);
    }
  }
  turns.burst(10);
  return turns.overload.shedding();
}

// Without a rest the end came only because requests were turned away.
TEST(Overload, HeapsAreOneUnlessTheWorkerRestsBetween) {
  EXPECT_FALSE(sheds_after_heaps(true));
  EXPECT_TRUE(sheds_after_heaps(false));
}

// Bursts for the kernel hide what is behind them.
TEST(Overload, WhatIsTheKernelsIsNoEnd) {
  Turns turns;
  for (int ms = 0; ms < 21; ++ms) {
    turns.full(1);
    turns.turn(Overload::Queue::kUnknown);
  }
  EXPECT_TRUE(turns.overload.shedding());
}

// Nor are they a load.
TEST(Overload, WhatIsTheKernelsMakesNobodyBusy) {
  Turns turns;
  for (int ms = 0; ms < 100; ++ms) {
    ++turns.now;
    turns.turn(Overload::Queue::kUnknown);
  }
  turns.full(1);
  turns.burst(10);
  EXPECT_FALSE(turns.overload.shedding());
}

// What will fail the next check takes no place from those who are let in.
TEST(Overload, WhatIsNotReadTakesNoPlace) {
  Turns turns;
  turns.full(50);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(turns.overload.drops(true));
  EXPECT_EQ(judge_thousand(turns.overload), (std::array<size_t, 3>{16, 0, 984}));
  EXPECT_TRUE(turns.overload.drops(true));
}

// While strangers send most of what is new, those who are trusted come in; where they are too many
// themselves, or turning strangers away does not bring the end, they are as all others.
TEST(Overload, TrustedOnesAreTheLastToBeTurnedAway) {
  Turns turns;
  auto offer = [&](int strangers, int trusted) {
    int in = 0;
    for (int i = 0; i < strangers; ++i) EXPECT_TRUE(turns.overload.drops(true, false));
    for (int i = 0; i < trusted; ++i) in += !turns.overload.drops(true, true);
    return in;
  };
  turns.full(21);
  ASSERT_TRUE(turns.overload.shedding());
  EXPECT_EQ(offer(1000, 100), 100);
  EXPECT_EQ(turns.overload.judge(true, true), Overload::Verdict::kAdmit);
  EXPECT_EQ(turns.overload.judge(true, false), Overload::Verdict::kDrop);
  EXPECT_LT(offer(0, 5000), 1000);
  Turns endless;
  endless.full(60);
  for (int i = 0; i < 1000; ++i) endless.overload.drops(true, false);
  EXPECT_EQ(judge_thousand(endless.overload)[0], 16u);
  EXPECT_TRUE(endless.overload.drops(true, true));
}

RequestText flood_invite(size_t number) {
  RequestText request;
  request.call_id = "flood-" + std::to_string(number);
  request.via = "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bKflood" + std::to_string(number);
  return request;
}

class OverloadTest : public CallTest {
 protected:
  void queue_invites(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      node.deliver({kCaller, kTandem, text_of(flood_invite(next++))});
    }
  }
  size_t next = 0;
};

// Nothing but beginnings in odd forms.
TEST_F(OverloadTest, NobodyGetsInByWritingOtherwise) {
  const char* const kForms[] = {"\";tag\" <sip:bob@198.18.0.1>", "<sip:bob@198.18.0.1;tag=1>",
                                "<sip:bob@198.18.0.1>"};
  uint64_t calls = 0;
  for (int ms = 0; ms < 40; ++ms) {
    for (int i = 0; i < (ms == 0 ? 100 : 32); ++i) {
      RequestText odd = flood_invite(next++);
      odd.to = kForms[next % 3];
      node.deliver({kCaller, kTandem, (next % 3 == 2 ? "\r\n\r\n" : "") + text_of(odd)});
    }
    node.poll(++now);
    if (ms == 25) calls = node.count(Count::calls);
  }
  EXPECT_GT(calls, 500u);
  EXPECT_EQ(node.count(Count::calls), calls);
  EXPECT_EQ(node.imbalance(), "");
}

// Traffic of the same volume that is no beginning of anything, and a call among it.
TEST_F(OverloadTest, FloodOfAnotherKindDoesNotStopCalls) {
  RequestText flood;
  flood.to += ";tag=invented";
  size_t answered = 0;
  for (int ms = 0; ms < 200; ++ms) {
    for (int i = 0; i < (ms == 0 ? 100 : 31); ++i) {
      flood.via = "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bKf" + std::to_string(next++);
      node.deliver({kStranger, kTandem, text_of(flood)});
    }
    queue_invites(1);
    for (const Datagram& one : node.poll(++now)) answered += status_of(one.bytes) == 100;
  }
  EXPECT_GT(answered, 190u);
}

// Frames that are no SIP fill the ring: turning away the calls among them would gain nothing.
TEST_F(OverloadTest, FloodOfBrokenFramesDoesNotStopCalls) {
  std::string broken(60, '\0');
  broken[12] = '\x08';  // IPv4, of version 0
  size_t answered = 0;
  for (int ms = 0; ms < 200; ++ms) {
    for (int i = 0; i < (ms == 0 ? 100 : 31); ++i) node.deliver_frame(broken);
    queue_invites(1);
    for (const Datagram& one : node.poll(++now)) answered += status_of(one.bytes) == 100;
  }
  EXPECT_GT(answered, 190u);
  EXPECT_GT(node.count(Count::drop_bad_ip), 6000u);
}

// All comes in at one worker, half of it is for the other: what is turned away is not handed over.
// After 20 ms without an end some are let in again.
TEST(Overload, WhoHandsOverTurnsAwayHimself) {
  Node two({.workers = 2});
  uint64_t handed_over = 0;
  size_t number = 0;
  for (uint64_t ms = 1; ms <= 40; ++ms) {
    for (int i = 0; i < (ms == 1 ? 100 : 32); ++i) {
      two.deliver({kCaller, kTandem, text_of(flood_invite(number++))}, 0);
    }
    two.poll(ms);
    if (ms == 30) handed_over = two.count(Count::handed_over);
  }
  EXPECT_GT(handed_over, 100u);
  EXPECT_EQ(two.count(Count::handed_over), handed_over);
  EXPECT_GT(two.count(Count::drop_overload), 300u);
  EXPECT_EQ(two.imbalance(), "");
}

// The flood makes no state by itself: OPTIONS for the node.
TEST_F(OverloadTest, CallsGoOnWhileNewOnesAreTurnedAway) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  std::vector<Datagram> out;
  for (int ms = 0; ms < 1180; ++ms) {
    for (int i = 0; i < (ms == 0 ? 100 : 32); ++i) {
      RequestText options = flood_invite(next++);
      options.method = "OPTIONS";
      options.uri = "sip:198.18.0.1";
      node.deliver({kCaller, kTandem, text_of(options)});
    }
    if (ms % 5 == 0) node.deliver({kCaller, kTandem, text_of(in_dialog("ACK", at_backend, 1))});
    if (ms == 1150) node.deliver({kCaller, kTandem, text_of(in_dialog("BYE", at_backend, 2))});
    auto some = node.poll(++now);
    out.insert(out.end(), some.begin(), some.end());
  }
  auto rest = node.settle(now);
  out.insert(out.end(), rest.begin(), rest.end());
  size_t byes = 0, acks = 0, refused = 0, let_in = 0;
  for (const Datagram& one : out) {
    byes += method_of(one.bytes) == "BYE" && status_of(one.bytes) == 0;
    acks += method_of(one.bytes) == "ACK";
    refused += status_of(one.bytes) == 503;
    let_in += status_of(one.bytes) == 200;
  }
  EXPECT_EQ(byes, 1u);
  EXPECT_EQ(acks, 236u);
  EXPECT_EQ(refused, node.count(Count::rejected_overload));
  EXPECT_GT(let_in, 10000u);  // 16 in each millisecond but the first 40
  EXPECT_GT(refused, 800u);   // in each millisecond after the first second
  EXPECT_GT(node.count(Count::drop_overload), 1000u);
  EXPECT_EQ(node.imbalance(), "");
  queue_invites(1);
  EXPECT_EQ(node.settle(++now).size(), 2u);  // over
}

}  // namespace
}  // namespace tests
