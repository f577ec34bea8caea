// More comes in than a worker can take: new requests are turned away, calls go on.
#include "dataplane/core/overload.h"

#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using dataplane::is_new_request;
using dataplane::Overload;

struct Turns {
  // Milliseconds with a burst each, all of them full.
  void full(uint64_t ms) {
    for (uint64_t end = now + ms; now < end;) overload.note(true, ++now);
  }
  void end() { overload.note(false, ++now); }
  Overload overload;
  uint64_t now = 1000;
};

TEST(Overload, PauseOfTheMachineIsNone) {
  Turns turns;
  turns.full(19);
  EXPECT_FALSE(turns.overload.shedding());
  turns.end();
  turns.now += 5000;  // nothing came, or the machine stood still
  turns.overload.note(true, turns.now);
  EXPECT_FALSE(turns.overload.shedding());
}

TEST(Overload, ShedsUntilTheEndOfTheQueueAndSoonerWhileItIsBusy) {
  Turns turns;
  turns.full(21);
  EXPECT_TRUE(turns.overload.shedding());
  EXPECT_EQ(turns.overload.judge(true), Overload::Verdict::kDrop);
  turns.end();
  EXPECT_FALSE(turns.overload.shedding());
  turns.full(3);
  EXPECT_FALSE(turns.overload.shedding());  // once is not busy
  turns.full(60);
  turns.end();
  turns.full(3);
  EXPECT_TRUE(turns.overload.shedding());
  for (int ms = 0; ms < 100; ++ms) turns.end();
  turns.full(19);
  EXPECT_FALSE(turns.overload.shedding());
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

TEST(Overload, EveryFifthMillisecondLetsThemIn) {
  Turns turns;
  turns.full(30);
  size_t shedding = 0;
  for (int ms = 0; ms < 100; ++ms) {
    turns.full(1);
    shedding += turns.overload.shedding();
  }
  EXPECT_EQ(shedding, 80u);
}

TEST(Overload, WhereItLastsSomeAreRefused) {
  Turns turns;
  turns.full(200);
  if (!turns.overload.shedding()) turns.full(1);
  size_t refused = 0;
  for (int i = 0; i < 1000; ++i)
    refused += turns.overload.judge(true) == Overload::Verdict::kRefuse;
  EXPECT_EQ(refused, 32u);
}

// A flood of what cannot be turned away: nothing is gained by turning away the rest.
TEST(Overload, NobodyIsTurnedAwayWhereThatDoesNotHelp) {
  Turns turns;
  turns.full(21);
  EXPECT_TRUE(turns.overload.shedding());
  for (int i = 0; i < 90; ++i) turns.overload.judge(false);
  for (int i = 0; i < 10; ++i) turns.overload.judge(true);
  turns.full(1);
  EXPECT_FALSE(turns.overload.shedding());
  turns.full(98);
  EXPECT_FALSE(turns.overload.shedding());
  turns.full(2);
  EXPECT_TRUE(turns.overload.shedding());  // tried again
}

TEST(Overload, NewRequestsAreTold) {
  RequestText request;
  EXPECT_TRUE(is_new_request(text_of(request)));
  for (const char* to :
       {"<sip:b@c;day=tue>", "sip:b@c;other=1", "\"a\" <sip:b@c>;x=y;tagged=z", "<sip:b@c> ;lr"}) {
    request.to = to;
    bool tagged = request.to.find("tagged") == std::string::npos;
    EXPECT_EQ(is_new_request(text_of(request)), tagged) << to;
  }
  for (const char* to : {"<sip:b@c>;tag=1", "<sip:b@c>; TAG = 1", "<sip:b@c>\r\n ;a=b;\r\n\ttag=1",
                         "\";tag\" <sip:b@c>"}) {
    request.to = to;
    EXPECT_FALSE(is_new_request(text_of(request))) << to;
  }
  request = {};
  for (const char* method : {"ACK", "CANCEL", "BYE"}) {
    request.method = method;
    EXPECT_FALSE(is_new_request(text_of(request))) << method;
  }
  EXPECT_FALSE(is_new_request("SIP/2.0 200 OK\r\nTo: <sip:b@c>\r\n\r\n"));
  EXPECT_TRUE(is_new_request("OPTIONS sip:b SIP/2.0\r\nTop: x\r\nt \t: <sip:b@c>\r\n\r\n"));
  for (const char* none : {"", "\n", "t:", "INVITE", "INVITE sip:b SIP/2.0\r\n", "\r\n\r\nTo: x",
                           "INVITE sip:b SIP/2.0\r\n\r\nTo: <sip:b@c>\r\n"}) {
    EXPECT_FALSE(is_new_request(none)) << none;
  }
}

class OverloadTest : public CallTest {
 protected:
  void queue_invites(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      RequestText request;
      std::string number = std::to_string(next++);
      request.call_id = "flood-" + number;
      request.via = "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bKflood" + number;
      node.deliver({kCaller, kTandem, text_of(request)});
    }
  }
  size_t next = 0;
};

// Beginnings in a form that the look at the lines does not know are turned away as well.
TEST_F(OverloadTest, NobodyGetsInByWritingOtherwise) {
  RequestText odd;
  odd.to = "\";tag\" <sip:bob@198.18.0.1>";
  for (int ms = 0; ms < 24; ++ms) {
    queue_invites(ms == 0 ? 100 : 32);
    node.poll(++now);
  }
  uint64_t calls = node.count(Count::calls);
  for (int i = 0; i < 6; ++i) {
    odd.via += "x";
    odd.call_id += "x";
    node.deliver({kCaller, kTandem, (i % 2 == 0 ? "\r\n\r\n" : "") + text_of(odd)});
    queue_invites(31);
  }
  for (int turn = 0; turn < 8; ++turn) node.poll(now);
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

TEST_F(OverloadTest, CallsGoOnWhileNewOnesAreTurnedAway) {
  Datagram at_backend = invite();
  from_backend(at_backend, response_to(at_backend.bytes, 200, "bob"));
  std::vector<Datagram> out;
  for (int ms = 0; ms < 180; ++ms) {
    queue_invites(ms == 0 ? 100 : 32);
    if (ms % 5 == 0) node.deliver({kCaller, kTandem, text_of(in_dialog("ACK", at_backend, 1))});
    if (ms == 150) node.deliver({kCaller, kTandem, text_of(in_dialog("BYE", at_backend, 2))});
    auto some = node.poll(++now);
    out.insert(out.end(), some.begin(), some.end());
  }
  auto rest = node.settle(now);
  out.insert(out.end(), rest.begin(), rest.end());
  size_t byes = 0, acks = 0, refused = 0;
  for (const Datagram& one : out) {
    byes += method_of(one.bytes) == "BYE" && status_of(one.bytes) == 0;
    acks += method_of(one.bytes) == "ACK";
    refused += status_of(one.bytes) == 503;
  }
  EXPECT_EQ(byes, 1u);
  EXPECT_EQ(acks, 36u);
  EXPECT_EQ(refused, node.count(Count::rejected_overload));
  EXPECT_GT(refused, 800u);  // of each millisecond that sheds, when it has been busy for 100
  EXPECT_GT(node.count(Count::drop_overload), 1000u);
  EXPECT_GT(node.count(Count::calls), 1000u);
  EXPECT_EQ(node.imbalance(), "");
  queue_invites(1);
  EXPECT_EQ(node.settle(++now).size(), 2u);  // over
}

}  // namespace
}  // namespace tests
