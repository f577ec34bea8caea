// What threads share: mailbox, snapshot, next hops; and the timer wheel.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "control/link/exchange.h"
#include "control/link/next_hop.h"
#include "control/link/timer_wheel.h"

namespace control::link {
namespace {

TEST(Codes, EachHasAPlaceAndAName) {
  std::set<std::string> names;
  for (size_t place = 0; place < kCodePlaces; ++place) names.insert(code_name(place));
  EXPECT_EQ(names.size(), kCodePlaces);
  for (int status = 100; status < 700; ++status) {
    std::string name = code_name(code_place(status)), code = std::to_string(status);
    EXPECT_TRUE(name == code || name == code.substr(0, 1) + "xx") << status << ": " << name;
  }
  for (int known : {100, 200, 486, 608}) {
    EXPECT_EQ(code_name(code_place(known)), std::to_string(known));
  }
}

TEST(Mailbox, KeepsOrderAndSaysFullAndEmpty) {
  Mailbox<int> mailbox(4);
  int out = 0;
  EXPECT_FALSE(mailbox.pop(out));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(mailbox.push(i));
  EXPECT_FALSE(mailbox.push(4));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(mailbox.pop(out));
    EXPECT_EQ(out, i);
  }
  EXPECT_FALSE(mailbox.pop(out));
}

// What anybody can cause leaves room for the rest.
TEST(Mailbox, HalfOfItIsForTheRest) {
  Mailbox<int> mailbox(8);
  int out = 0;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(mailbox.push(i, Room::kHalf));
  EXPECT_FALSE(mailbox.push(4, Room::kHalf));
  for (int i = 4; i < 8; ++i) EXPECT_TRUE(mailbox.push(i));
  EXPECT_FALSE(mailbox.push(8));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(mailbox.pop(out));
  EXPECT_FALSE(mailbox.push(8, Room::kHalf)) << "half of it is taken";
  EXPECT_TRUE(mailbox.pop(out));
  EXPECT_TRUE(mailbox.push(8, Room::kHalf));
}

TEST(Mailbox, BetweenTwoThreads) {
  constexpr uint64_t kMessages = 200000;
  Mailbox<uint64_t> mailbox(64);
  std::thread producer([&] {
    for (uint64_t i = 0; i < kMessages;) {
      if (mailbox.push(i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  for (uint64_t expected = 0; expected < kMessages;) {
    uint64_t got;
    if (mailbox.pop(got)) {
      ASSERT_EQ(got, expected++);
    } else {
      std::this_thread::yield();
    }
  }
  producer.join();
}

// A reader never sees a freed object: each is filled with its number and spoilt when it is freed.
struct Numbered {
  explicit Numbered(uint64_t n) : a(n), b(n) {}
  ~Numbered() { a = b + 1; }
  uint64_t a, b;
};

TEST(Snapshot, NothingIsFreedUnderAReader) {
  Quiescence quiescence(2);
  Snapshot<Numbered> snapshot(quiescence);
  snapshot.publish(std::make_unique<Numbered>(0));
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (size_t id = 0; id < 2; ++id) {
    readers.emplace_back([&, id] {
      uint64_t last = 0;
      while (!stop) {
        quiescence.pass(id);
        const Numbered* now = snapshot.read();
        ASSERT_EQ(now->a, now->b);
        ASSERT_GE(now->a, last);
        last = now->a;
      }
    });
  }
  size_t most_waiting = 0;
  for (uint64_t i = 1; i < 3000; ++i) {
    snapshot.publish(std::make_unique<Numbered>(i));
    most_waiting = std::max(most_waiting, quiescence.collect());
    std::this_thread::yield();
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  quiescence.pass(0);
  quiescence.pass(1);
  EXPECT_EQ(quiescence.collect(), 0u);
}

TEST(Snapshot, WaitsForAReaderThatDoesNotTurn) {
  Quiescence quiescence(1);
  Snapshot<Numbered> snapshot(quiescence);
  snapshot.publish(std::make_unique<Numbered>(1));
  quiescence.pass(0);
  snapshot.publish(std::make_unique<Numbered>(2));
  EXPECT_EQ(quiescence.collect(), 1u);
  quiescence.pass(0);
  EXPECT_EQ(quiescence.collect(), 0u);
}

bool covers(const Route& route, const sipcore::IpAddress& ip) {
  for (size_t bit = 0; bit < route.bits; ++bit) {
    if ((route.prefix.bytes[bit / 8] ^ ip.bytes[bit / 8]) & 0x80 >> bit % 8) return false;
  }
  return route.prefix.family == ip.family;
}

// Against a plain search: addresses that differ in any byte, routes of any length.
TEST(NextHops, AgreesWithAPlainSearch) {
  std::mt19937 random(5);
  auto address = [&] {
    sipcore::IpAddress ip;
    bool v4 = random() % 2 == 0;
    ip.family = v4 ? sipcore::Family::kV4 : sipcore::Family::kV6;
    for (size_t i = 0; i < ip.size(); ++i) ip.bytes[i] = static_cast<uint8_t>(random() % 3);
    return ip;
  };
  std::vector<Route> routes;
  for (uint16_t i = 0; i < 60; ++i) {
    Route route{address(), 0, 0, {}, static_cast<uint16_t>(i % 2)};
    route.bits = static_cast<uint8_t>(random() % (route.prefix.size() * 8 + 1));
    routes.push_back(route);
  }
  Neighbours neighbours;
  Addresses nobody;
  for (uint8_t i = 0; i < 200; ++i) {
    neighbours[{address(), static_cast<uint16_t>(i % 2)}] = Mac{i};
    nobody.insert(address());
  }
  NextHops hops(routes, neighbours, {Mac{}, Mac{}}, nobody);
  size_t found = 0;
  for (int i = 0; i < 20000; ++i) {
    sipcore::IpAddress ip = address();
    int longest = -1;
    for (const Route& one : routes) {
      if (covers(one, ip)) longest = std::max<int>(longest, one.bits);
    }
    uint16_t port = hops.port_to(ip);
    ASSERT_EQ(port == kNoPort, longest == -1);
    ASSERT_EQ(hops.nobody(ip), nobody.contains(ip));
    bool by_one = std::any_of(routes.begin(), routes.end(), [&](const Route& one) {
      return covers(one, ip) && one.bits == longest && one.port == port;
    });
    ASSERT_TRUE(port == kNoPort || by_one);
    NextHop hop;
    sipcore::IpAddress ask;
    bool known = port != kNoPort && neighbours.contains({ip, port});
    ASSERT_EQ(hops.find(ip, hop, ask) == NextHops::Found::kYes, known);
    if (known) {
      ASSERT_EQ(hop.target, neighbours.at({ip, port}));
    }
    found += known;
  }
  EXPECT_GT(found, 100u);
}

// Against a plain map as model, over all levels of the wheel and over every value where 32 bits of
// milliseconds or seconds would wrap (V23).
void run_against_model(uint64_t start_ms, uint64_t span_ms, uint64_t step_ms, unsigned seed) {
  constexpr uint32_t kEntries = 300;
  TimerWheel wheel(kEntries, start_ms);
  std::map<uint32_t, uint64_t> model;
  std::mt19937_64 random(seed);
  for (uint64_t now = start_ms; now < start_ms + span_ms; now += step_ms) {
    for (int i = 0; i < 4; ++i) {
      uint32_t id = static_cast<uint32_t>(random() % kEntries);
      if (random() % 4 == 0) {
        wheel.cancel(id);
        model.erase(id);
      } else {
        uint64_t at = now + random() % (span_ms / 3);
        wheel.schedule(id, at);
        model[id] = at;
      }
    }
    while (!wheel.advance(now, 7, [&](uint32_t id) {
      ASSERT_TRUE(model.contains(id));
      ASSERT_LE(model[id], now) << "too early";
      ASSERT_GE(model[id] + step_ms + 2 * TimerWheel::kTickMs, now) << "too late";
      model.erase(id);
    })) {
    }
    for (auto& [id, at] : model) ASSERT_GT(at + 2 * TimerWheel::kTickMs, now) << "missed";
  }
}

TEST(TimerWheel, AgreesWithAModel) {
  run_against_model(0, 60000, 10, 1);
  run_against_model(12345, 3600000, 990, 2);
  run_against_model(1000, 400000000, 100000, 3);
}

TEST(TimerWheel, NothingHappensWhereThirtyTwoBitsWrap) {
  for (uint64_t wrap : {uint64_t{1} << 31, uint64_t{1} << 32, (uint64_t{1} << 32) * 10}) {
    run_against_model(wrap - 10000, 30000, 10, 4);
  }
}

// What waits in a queue for a constant duration, some of it taken out or moved in between.
TEST(TimerWheel, ConstantDurationsEndInOrder) {
  constexpr uint32_t kEntries = 10000;
  constexpr uint64_t kDurations[] = {3000, 5000, 32000, 190000};
  TimerWheel wheel(kEntries, 0);
  std::map<uint32_t, uint64_t> model;
  std::mt19937_64 random(1);
  uint32_t next = 0;
  for (uint64_t now = 0; now < 400000; now += 10) {
    for (int i = 0; i < 3 && now < 200000; ++i, next = (next + 1) % kEntries) {
      model[next] = now + kDurations[random() % 4];
      wheel.schedule(next, model[next]);
    }
    uint32_t gone = static_cast<uint32_t>(random() % kEntries);
    wheel.cancel(gone);
    model.erase(gone);
    uint64_t last = 0;
    ASSERT_TRUE(wheel.advance(now, 1000, [&](uint32_t id) {
      last = model.at(id);
      ASSERT_LE(last, now);
      ASSERT_GE(last + TimerWheel::kTickMs, now);
      model.erase(id);
    }));
    for (uint32_t id : {gone, next}) ASSERT_EQ(wheel.scheduled(id), model.contains(id));
  }
  EXPECT_TRUE(model.empty());
}

TEST(TimerWheel, SaysWhatWillBeDueNext) {
  TimerWheel wheel(4, 0);
  for (uint32_t id = 0; id < 4; ++id) wheel.schedule(id, 32000);
  std::vector<uint32_t> said;
  wheel.advance(
      40000, 100, [](uint32_t) {},
      [&](uint32_t after, uint32_t after_that) {
        said.push_back(after);
        said.push_back(after_that);
      });
  constexpr uint32_t kNone = TimerWheel::kNone;
  EXPECT_EQ(said, (std::vector<uint32_t>{1, 2, 2, 3, 3, kNone, kNone, kNone}));
}

// A node that stood still, or is new on an old machine, does not turn through the time without it.
TEST(TimerWheel, EmptyWheelIsAtOnceWhereTimeIs) {
  TimerWheel wheel(1, 0);
  for (uint64_t now = uint64_t{1} << 50; now < (uint64_t{1} << 50) * 9; now += uint64_t{1} << 50) {
    ASSERT_TRUE(wheel.advance(now, 1, [](uint32_t) { FAIL(); }));
    wheel.schedule(0, now + 5000);
    ASSERT_TRUE(wheel.advance(now + 4990, 1, [](uint32_t) { FAIL(); }));
    size_t due = 0;
    ASSERT_TRUE(wheel.advance(now + 5010, 1, [&](uint32_t) { ++due; }));
    EXPECT_EQ(due, 1u);
  }
}

TEST(TimerWheel, WorkOfOneTurnIsBounded) {
  TimerWheel wheel(1000, 0);
  for (uint32_t id = 0; id < 1000; ++id) wheel.schedule(id, id % 2 == 0 ? 100 : 32000);
  for (uint64_t now : {200, 32200}) {
    size_t due = 0, turns = 0;
    while (!wheel.advance(now, 50, [&](uint32_t) { ++due; })) {
      ++turns;
      ASSERT_LE(due, 50 * turns);
    }
    EXPECT_EQ(due, 500u);
  }
}

}  // namespace
}  // namespace control::link
