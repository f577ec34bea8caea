// Choices (rendezvous, round robin, by weight, least cost), what they are made by, and the breaker.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "sipcore/balance/breaker.h"
#include "sipcore/balance/hash_of.h"
#include "sipcore/balance/load.h"
#include "sipcore/balance/rate.h"
#include "sipcore/balance/rendezvous.h"
#include "sipcore/balance/round_robin.h"
#include "tests/sipcore/reference_key.h"

namespace sipcore {
namespace {

std::vector<WeightedName> names(size_t count, uint32_t weight = 1) {
  std::vector<WeightedName> out;
  for (size_t i = 0; i < count; ++i) out.push_back({"sip:10.0.0." + std::to_string(i), weight});
  return out;
}

uint16_t pick(const RendezvousTable& table, uint64_t key) {
  return table.select(siphash(kKey, std::to_string(key)), [](uint16_t) { return true; });
}

// Taking out one of N moves its own keys alone, and spreads them evenly over the others.
TEST(Rendezvous, TakingOneOutMovesOnlyItsOwn) {
  constexpr size_t kKeys = 100000;
  for (size_t count : {2, 5, 16}) {
    auto all = names(count);
    RendezvousTable before(all, kKey);
    auto rest = all;
    rest.erase(rest.begin() + 1);
    RendezvousTable after(rest, kKey);
    std::vector<size_t> gained(count, 0);
    size_t own = 0;
    for (uint64_t key = 0; key < kKeys; ++key) {
      uint16_t was = pick(before, key);
      uint16_t now = pick(after, key);
      size_t now_before = now >= 1 ? now + 1u : now;
      uint16_t skipped =
          before.select(siphash(kKey, std::to_string(key)), [](uint16_t i) { return i != 1; });
      ASSERT_EQ(skipped, now_before) << "passing over is the same as not being configured";
      if (was != 1) {
        ASSERT_EQ(now_before, was);
      } else {
        ++own;
        ++gained[now_before];
      }
    }
    double share = static_cast<double>(own) / static_cast<double>(count - 1);
    for (size_t i = 0; i < count; ++i) {
      if (i == 1) continue;
      EXPECT_NEAR(static_cast<double>(gained[i]), share, 6 * std::sqrt(share) + share * 0.05);
    }
  }
}

TEST(Rendezvous, SharesFollowWeightsAndOrderDoesNotMatter) {
  std::vector<WeightedName> list = {{"a", 1}, {"b", 2}, {"c", 5}, {"d", 0}};
  RendezvousTable table(list, kKey);
  std::vector<WeightedName> turned(list.rbegin(), list.rend());
  RendezvousTable other(turned, kKey);
  std::map<std::string, size_t> counts;
  for (uint64_t key = 0; key < 80000; ++key) {
    std::string name = list[pick(table, key)].name;
    ASSERT_EQ(name, turned[pick(other, key)].name);
    ++counts[name];
  }
  EXPECT_NEAR(static_cast<double>(counts["a"]), 10000, 700);
  EXPECT_NEAR(static_cast<double>(counts["b"]), 20000, 900);
  EXPECT_NEAR(static_cast<double>(counts["c"]), 50000, 1200);
  EXPECT_EQ(counts["d"], 0u);
}

TEST(Rendezvous, FallsThroughAllRanks) {
  RendezvousTable table(names(10), kKey);
  for (uint16_t last = 0; last < 10; ++last) {
    EXPECT_EQ(table.select(99, [&](uint16_t i) { return i == last; }), last);
  }
  EXPECT_EQ(table.select(99, [](uint16_t) { return false; }), kNobody);
  EXPECT_EQ(RendezvousTable({}, kKey).select(1, [](uint16_t) { return true; }), kNobody);
}

TEST(RoundRobin, SmoothAndByWeight) {
  std::vector<uint32_t> weights = {5, 1, 1};
  RoundRobin sequence(weights);
  EXPECT_EQ(std::vector<uint16_t>(sequence.steps().begin(), sequence.steps().end()),
            (std::vector<uint16_t>{0, 0, 1, 0, 2, 0, 0}));
  uint32_t cursor = 0;
  std::map<uint16_t, int> counts;
  for (int i = 0; i < 700; ++i) ++counts[sequence.select(cursor, [](uint16_t) { return true; })];
  EXPECT_EQ(counts[0], 500);
  EXPECT_EQ(counts[1], 100);
  EXPECT_EQ(sequence.select(cursor, [](uint16_t) { return false; }), kNobody);
  std::vector<uint32_t> huge = {1000000, 1, 999999};
  EXPECT_LE(RoundRobin(huge).steps().size(), RoundRobin::kMostSteps);
  // To find that nobody is usable takes no walk along all of it.
  int asked = 0;
  auto nobody = [&](uint16_t) { return ++asked < 0; };
  EXPECT_EQ(RoundRobin(huge).select(cursor, nobody), kNobody);
  EXPECT_LE(asked, 6);
  EXPECT_EQ(RoundRobin(huge).select(cursor, [](uint16_t i) { return i == 1; }), 1);
}

TEST(Pick, ByWeightWithHundredsOfThem) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> weights(300, 1);
  weights[7] = 300;
  weights[9] = 0;
  std::vector<int> got(300, 0);
  constexpr int kDraws = 598 * 100;
  for (int i = 0; i < kDraws; ++i) {
    ++got[pick_by_weight(random(), weights.size(), [&](size_t at) { return weights[at]; })];
  }
  EXPECT_NEAR(got[7], 30000, 600);
  EXPECT_EQ(got[9], 0);
  for (size_t i = 10; i < 300; ++i) EXPECT_NEAR(got[i], 100, 60);
  EXPECT_EQ(pick_by_weight(1, 3, [](size_t) { return 0u; }), kNobody);
  EXPECT_EQ(pick_by_weight(1, 0, [](size_t) { return 1u; }), kNobody);
}

TEST(Pick, OfEqualCostsByWeight) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> costs = {5, 3, 3, kNever, 3}, weights = {9, 2, 1, 9, 1};
  std::vector<int> got(5, 0);
  auto pick_one = [&] {
    return pick_least(
        random(), costs.size(), [&](size_t at) { return costs[at]; },
        [&](size_t at) { return weights[at]; });
  };
  for (int i = 0; i < 4000; ++i) ++got[pick_one()];
  EXPECT_EQ(got[0] + got[3], 0);
  EXPECT_NEAR(got[1], 2000, 130);
  EXPECT_NEAR(got[2], 1000, 110);
  costs = {kNever, kNever, kNever, kNever, kNever};
  EXPECT_EQ(pick_one(), kNobody);
  costs.clear();
  EXPECT_EQ(pick_one(), kNobody);
}

TEST(Load, LatencyIsGraded) {
  EXPECT_EQ(graded(1000), graded(1023));
  EXPECT_LT(graded(1000), graded(1300));
  uint64_t last = 0;
  for (uint64_t amount = 0; amount < 100000; ++amount) {
    ASSERT_GE(graded(amount), last);
    last = graded(amount);
  }
  Load quick, unknown, slow;
  quick.latency_us = 300;
  slow.latency_us = 5000;
  EXPECT_EQ(cost_of_waiting(quick), cost_of_waiting(unknown));
  EXPECT_LT(cost_of_waiting(quick), cost_of_waiting(slow));
  quick.work = 40 * kWorkOfInvite;
  EXPECT_GT(cost_of_waiting(quick), cost_of_waiting(slow)) << "it has too much to do";
}

TEST(Load, CostsDoNotOverflow) {
  Load most;
  most.calls = most.work = most.latency_us = 0xffffffff;
  EXPECT_LT(cost_of_calls(most), kNever);
  EXPECT_LT(cost_of_work(most), kNever);
  EXPECT_LT(cost_of_waiting(most), kNever);
  Load more = most;
  more.weight = 2;
  EXPECT_LT(cost_of_calls(more), cost_of_calls(most));
  EXPECT_LT(cost_of_waiting(more), cost_of_waiting(most));
  most.weight = 0;
  EXPECT_EQ(cost_of_calls(most), kNever);
}

TEST(Load, CongestionIsRelativeToWhatIsUsual) {
  Load load;
  load.weight = 10;
  EXPECT_EQ(weight_by_congestion(load), 2560u);
  load.usual_us = 1000;
  load.latency_us = 900;
  EXPECT_EQ(weight_by_congestion(load), 2560u);
  load.latency_us = 2000;
  EXPECT_EQ(weight_by_congestion(load), 640u);
  load.usual_us = 10;
  load.latency_us = 999;
  EXPECT_EQ(weight_by_congestion(load), 2560u) << "both are quick";
  load.usual_us = 1000;
  load.latency_us = 1000000000;
  EXPECT_EQ(weight_by_congestion(load), 25u);
}

TEST(Load, AveragesFollowAndNeverSayUnknown) {
  Latency latency;
  EXPECT_EQ(latency.lately_us.value(), 0u);
  latency.add(1000);
  for (int i = 0; i < 50; ++i) latency.add(8000);
  EXPECT_NEAR(latency.lately_us.value(), 8000, 20);
  EXPECT_GT(latency.usual_us.value(), 1000u);
  EXPECT_LT(latency.usual_us.value(), 2000u);
  for (int i = 0; i < 200; ++i) latency.add(0);
  EXPECT_GE(latency.lately_us.value(), 1u);
  EXPECT_LT(latency.lately_us.value(), 10u);
}

// What was there before counts less, whatever comes.
TEST(Load, OldLatencyGivesWayToNew) {
  for (auto [sample, halvings, result] :
       {std::tuple(1600, 0, 8200), std::tuple(1600, 1, 4900), std::tuple(1600, 10, 1600),
        std::tuple(100000, 31, 100000), std::tuple(20000, 2, 20000 - 10800 * 7 / 32)}) {
    Latency latency;
    latency.add(9143);
    latency.add(sample, halvings);
    EXPECT_NEAR(latency.lately_us.value(), result, 130) << sample << " " << halvings;
  }
}

// From 200 to 1,100 us: small steps count as well.
TEST(Load, UsualLatencyFollowsDifferencesBelowAMillisecond) {
  Latency latency;
  latency.add(200);
  for (int i = 0; i < 10000; ++i) latency.add(1100);
  EXPECT_NEAR(latency.usual_us.value(), 1100, 5);
}

TEST(Rate, RaisingItHelpsAtOnce) {
  std::atomic<uint64_t> state{0};
  uint64_t now_ns = 1000000000000;
  for (int i = 0; i < 60; ++i) ASSERT_TRUE((Rate{1, 60}).take(state, now_ns));
  EXPECT_FALSE((Rate{1, 60}).take(state, now_ns));
  Rate raised{50, 50};
  EXPECT_FALSE(raised.has_room(state, now_ns));
  now_ns += 1000000000;
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += raised.take(state, now_ns);
  EXPECT_EQ(taken, 50);
}

TEST(Breaker, OpensAfterFailuresInARow) {
  BreakerSettings settings{3, 1000, 8000};
  Breaker breaker;
  breaker = breaker.failed(1, settings).failed(2, settings).answered(3);
  breaker = breaker.failed(4, settings).failed(5, settings);
  EXPECT_EQ(breaker.phase(), Breaker::Phase::kClosed);
  breaker = breaker.failed(6, settings);
  EXPECT_EQ(breaker.phase(), Breaker::Phase::kOpen);
  EXPECT_FALSE(breaker.may_be_asked(1005));
  EXPECT_EQ(breaker.answered(7).word(), breaker.word()) << "an answer to a request of before";
  EXPECT_EQ(breaker.failed(7, settings).word(), breaker.word());
}

TEST(Breaker, TrialDecidesAndOnlyOneIsMadeAtATime) {
  BreakerSettings settings{1, 1000, 8000};
  Breaker open = Breaker().failed(0, settings);
  ASSERT_TRUE(open.may_be_asked(1000));
  Breaker trial = open.asked(1000, settings);
  EXPECT_EQ(trial.phase(), Breaker::Phase::kTrial);
  EXPECT_FALSE(trial.may_be_asked(1500));
  EXPECT_TRUE(trial.may_be_asked(2000)) << "the first trial got lost";
  EXPECT_EQ(trial.answered(1200).phase(), Breaker::Phase::kClosed);
  Breaker again = trial.failed(1200, settings);
  EXPECT_EQ(again.phase(), Breaker::Phase::kOpen);
  EXPECT_FALSE(again.may_be_asked(1200 + 1999));
  EXPECT_TRUE(again.may_be_asked(1200 + 2000)) << "twice as long";
}

// One that flaps is kept out for longer and longer, up to a limit; a calm time is forgiven.
TEST(Breaker, FlappingIsHeldAndCalmIsForgiven) {
  BreakerSettings settings{1, 1000, 8000};
  Breaker breaker;
  uint64_t now = 0, open_ms[6];
  for (uint64_t& each : open_ms) {
    breaker = breaker.failed(now, settings);
    each = breaker.at_ms() - now;
    now = breaker.at_ms();
    breaker = breaker.asked(now, settings).answered(now);
  }
  EXPECT_EQ(std::vector(open_ms, open_ms + 6),
            (std::vector<uint64_t>{1000, 2000, 4000, 8000, 8000, 8000}));
  now += 8000;
  breaker = breaker.failed(now, settings);
  EXPECT_EQ(breaker.at_ms() - now, 1000u);
}

TEST(Breaker, HeldForAsLongAsItWanted) {
  BreakerSettings settings{1, 1000, 8000};
  Breaker held = Breaker().held(100, 30000);
  EXPECT_FALSE(held.may_be_asked(30099));
  EXPECT_TRUE(held.may_be_asked(30100));
  EXPECT_EQ(held.asked(30100, settings).phase(), Breaker::Phase::kClosed);
  EXPECT_EQ(held.held(200, 1000).at_ms(), held.at_ms()) << "the longer one counts";
  EXPECT_EQ(held.failed(200, settings).word(), held.word());
}

TEST(Breaker, StartsSlowly) {
  Breaker back = Breaker::closed(1000);
  EXPECT_EQ(Breaker().share(5, 10000), 256u);
  EXPECT_EQ(back.share(1000, 10000), 26u);
  EXPECT_EQ(back.share(6000, 10000), 128u);
  EXPECT_EQ(back.share(11000, 10000), 256u);
  EXPECT_EQ(back.share(1000, 0), 256u);
}

TEST(Breaker, WordHoldsAll) {
  BreakerSettings settings{1023, 1000, 8000};
  Breaker breaker;
  for (int i = 0; i < 2000; ++i) {
    breaker = breaker.failed(uint64_t{1} << 45, settings);
    Breaker read(breaker.word());
    ASSERT_EQ(read.word(), breaker.word());
    ASSERT_EQ(read.phase(), breaker.phase());
    ASSERT_EQ(read.at_ms(), breaker.at_ms());
    ASSERT_EQ(read.failures(), breaker.failures());
  }
  EXPECT_EQ(breaker.phase(), Breaker::Phase::kOpen);
}

TEST(HashOf, UsernameInCredentials) {
  EXPECT_EQ(username_of("Digest username=\"bob\", realm=\"x\""), "bob");
  EXPECT_EQ(username_of("Digest realm=\"a username=\\\"x\\\" b\",USERNAME = \"b\\\"o\""), "b\\\"o");
  EXPECT_EQ(username_of("Digest realm=\"x\", username=bob"), "bob");
  for (const char* none :
       {"", "Digest", "Digest username", "Digest username=", "Digest username=\"",
        "Digest username=\"bob", "Digest xusername=\"bob\"", "Digest realm=\"username=bob",
        "Digest username=\"bob\\"}) {
    EXPECT_EQ(username_of(none), "") << none;
  }
}

}  // namespace
}  // namespace sipcore
