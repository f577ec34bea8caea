// Probes and what becomes of their answers, on a clock moved by hand; conditions and their changes.
#include <gtest/gtest.h>

#include "control/health/health.h"

namespace control::health {
namespace {

using link::Admin;
using link::Probed;
using sipcore::Breaker;

class ProberTest : public testing::Test {
 protected:
  struct Sent {
    uint64_t at_ms;
    sipcore::BranchToken token;
  };

  Target target(uint16_t slot) {
    Target out;
    out.slot = slot;
    out.endpoint = *sipcore::parse_endpoint("198.18.0.21:5060", 0);
    out.uri = "sip:198.18.0.21";
    out.settings = settings;
    out.hold_ms = 1200;
    return out;
  }
  void start() { prober.configure({target(0)}, now_us); }
  // Lets time pass in steps of 5 ms; each new probe gets the answer `status`, 0: none.
  void run(uint64_t ms, int status) {
    for (uint64_t end = now_us + ms * 1000; now_us < end; now_us += 5000) {
      size_t before = sent.size();
      prober.tick(now_us);
      if (status == 0) continue;
      for (size_t i = before; i < sent.size(); ++i) {
        prober.answered(sent[i].token, status, 0, now_us + 3000);
      }
    }
  }
  Probed probed() { return states.at(0).probed; }
  // How long it took to come back, looked at each `step_ms`.
  uint64_t down_and_back(uint64_t step_ms) {
    while (probed() != Probed::kDown) run(step_ms, 0);
    uint64_t begin = now_us;
    while (probed() == Probed::kDown) run(step_ms, 200);
    return (now_us - begin) / 1000;
  }

  link::ProbeSettings settings = [] {
    link::ProbeSettings out;
    out.interval_ms = 1000;
    out.timeout_ms = 600;
    out.codes.set(404);
    return out;
  }();
  link::Destinations states{4};
  std::vector<Sent> sent;
  uint64_t now_us = 1000000;
  Prober prober{states, 1, [this](const Target&, const sipcore::BranchToken& token) {
                  sent.push_back({now_us / 1000, token});
                }};
};

TEST_F(ProberTest, AsksInTimeButNotAllInTheSameMoment) {
  std::vector<Target> all;
  for (uint16_t slot = 0; slot < 4; ++slot) all.push_back(target(slot));
  prober.configure(all, now_us);
  run(60000, 200);
  EXPECT_NEAR(sent.size(), 240, 12);
  std::vector<uint64_t> gaps;
  uint64_t last = 0;
  for (const Sent& one : sent) {
    if (one.token.slot != 0) continue;
    if (last != 0) gaps.push_back(one.at_ms - last);
    last = one.at_ms;
  }
  EXPECT_GE(*std::min_element(gaps.begin(), gaps.end()), 890u);
  EXPECT_LE(*std::max_element(gaps.begin(), gaps.end()), 1115u);
  EXPECT_NE(gaps[0], gaps[1]);
  EXPECT_EQ(probed(), Probed::kUp);
  EXPECT_NEAR(states.at(0).latency.lately_us.value(), 3000, 10);
}

TEST_F(ProberTest, DownAfterFailuresInARowAndUpAfterAnswers) {
  start();
  run(3000, 200);
  run(1800, 0);
  EXPECT_EQ(probed(), Probed::kProbing) << "calls still go there";
  run(5000, 0);
  EXPECT_EQ(probed(), Probed::kDown);
  run(1150, 200);
  EXPECT_EQ(probed(), Probed::kDown) << "one answer is not enough";
  run(2000, 200);
  EXPECT_EQ(probed(), Probed::kUp);
  EXPECT_LT(Breaker(states.at(0).breaker).share(now_us / 1000, 10000), 256u) << "starts slowly";
}

TEST_F(ProberTest, OneLostProbeChangesNothingForLong) {
  start();
  run(3000, 200);
  run(1100, 0);
  run(1000, 200);
  EXPECT_EQ(probed(), Probed::kUp);
}

// RFC 3261 17.1.2.2: the request is repeated after T1; the answer to either is an answer.
TEST_F(ProberTest, ProbeIsRepeatedBeforeItHasFailed) {
  start();
  run(2000, 0);
  ASSERT_GE(sent.size(), 2u);
  EXPECT_EQ(sent[1].at_ms - sent[0].at_ms, 500u);
  EXPECT_EQ(sent[0].token, sent[1].token);
}

TEST_F(ProberTest, AnswerOfAnotherProbeIsIgnored) {
  start();
  run(1100, 0);
  ASSERT_FALSE(sent.empty());
  sipcore::BranchToken stale = sent.back().token;
  --stale.generation;
  prober.answered(stale, 200, 0, now_us);
  stale = sent.back().token;
  stale.slot = 3;
  prober.answered(stale, 200, 0, now_us);
  stale.slot = 0xffffffff;
  prober.answered(stale, 200, 0, now_us);
  prober.unreachable(stale, now_us);
  EXPECT_EQ(states.at(0).latency.lately_us.value(), 0u);
  run(5000, 0);
  EXPECT_EQ(probed(), Probed::kDown);
}

TEST_F(ProberTest, UnreachableFailsAtOnce) {
  start();
  for (int i = 0; i < 2000 && probed() != Probed::kDown; ++i) {
    size_t before = sent.size();
    prober.tick(now_us);
    if (sent.size() > before) prober.unreachable(sent.back().token, now_us);
    now_us += 5000;
  }
  EXPECT_EQ(sent.size(), 3u);
}

TEST_F(ProberTest, CodesThatShowItAliveAreTheGroups) {
  start();
  run(5000, 404);
  EXPECT_EQ(probed(), Probed::kUp);
  run(9000, 500);
  EXPECT_EQ(probed(), Probed::kDown);
  run(9000, 100);
  EXPECT_EQ(probed(), Probed::kDown) << "a provisional response decides nothing";
}

// Where a call was asked to wait for longer, that counts.
TEST_F(ProberTest, AGoodAnswerEndsNoHoldButItsOwn) {
  start();
  auto phase = [&] { return sipcore::Breaker(states.at(0).breaker).phase(); };
  run(1500, 503);
  EXPECT_EQ(phase(), sipcore::Breaker::Phase::kHeld);
  run(1200, 200);
  EXPECT_EQ(phase(), sipcore::Breaker::Phase::kClosed);
  run(1200, 503);
  states.at(0).change_breaker(
      [&](sipcore::Breaker breaker) { return breaker.held(now_us / 1000, 60000); });
  run(3000, 200);
  EXPECT_EQ(phase(), sipcore::Breaker::Phase::kHeld);
}

TEST_F(ProberTest, NothingIsSentWhileProbesAreOff) {
  start();
  prober.activate(false, now_us);
  run(5000, 200);
  EXPECT_EQ(sent.size(), 0u);
  prober.activate(true, now_us);
  run(5000, 200);
  EXPECT_NEAR(sent.size(), 5, 1);
}

// freeswitch#2937: it says that it is busy, so it is not dead; new calls go elsewhere meanwhile.
TEST_F(ProberTest, Status503IsBusyAndNotDead) {
  start();
  run(5000, 503);
  EXPECT_EQ(probed(), Probed::kUp);
  EXPECT_EQ(condition_of(states.at(0), now_us / 1000), Condition::kBusy);
  run(3000, 200);
  EXPECT_EQ(condition_of(states.at(0), now_us / 1000), Condition::kActive);
}

// Down and up and down again: each time it must answer more often before it is believed.
TEST_F(ProberTest, FlappingOneIsHeld) {
  start();
  std::vector<uint64_t> took_ms;
  for (int flap = 0; flap < 3; ++flap) {
    took_ms.push_back(down_and_back(5));
  }
  EXPECT_LT(took_ms[0], 2500u);
  EXPECT_GT(took_ms[1], 3000u);
  EXPECT_GT(took_ms[2], 6500u);
  run(100000, 200);
  EXPECT_LT(down_and_back(5), 2500u) << "long ago";
}

// With seldom probes it takes longer to come back than a calm is long: that is none.
TEST_F(ProberTest, SlowReturnIsNoCalm) {
  settings.interval_ms = 30000;
  start();
  std::vector<uint64_t> took_ms;
  for (int flap = 0; flap < 3; ++flap) {
    took_ms.push_back(down_and_back(100));
  }
  EXPECT_LT(took_ms[0], 70000u);
  EXPECT_GT(took_ms[1], 90000u);
  EXPECT_GT(took_ms[2], 200000u);
}

TEST_F(ProberTest, OneThatAnswersCallsIsNotDeadForWantOfAnAnswerToOptions) {
  start();
  for (int i = 0; i < 20; ++i) {
    run(500, 0);
    states.at(0).heard_ms = now_us / 1000;
  }
  EXPECT_EQ(probed(), Probed::kUp);
  run(6000, 0);
  EXPECT_EQ(probed(), Probed::kDown);
}

TEST_F(ProberTest, ReloadKeepsWhatIsKnown) {
  start();
  run(8000, 0);
  ASSERT_EQ(probed(), Probed::kDown);
  start();
  EXPECT_EQ(probed(), Probed::kDown);
  prober.configure({}, now_us);
  EXPECT_EQ(probed(), Probed::kUp) << "nobody would ever say that it is back";
  EXPECT_FALSE(prober.probe_now(0, now_us));
}

TEST(Condition, WordsAndFlags) {
  link::DestinationState state;
  EXPECT_EQ(flags(condition_of(state, 5), true), "AP");
  state.breaker = Breaker().held(0, 10).word();
  EXPECT_EQ(word(condition_of(state, 5)), "busy");
  EXPECT_EQ(word(condition_of(state, 10)), "active");
  state.breaker = Breaker().failed(0, {1, 10, 10}).word();
  EXPECT_EQ(word(condition_of(state, 5)), "broken");
  EXPECT_EQ(word(condition_of(state, 50)), "broken") << "until a trial has shown that it is not";
  state.probed = Probed::kDown;
  EXPECT_EQ(flags(condition_of(state, 5), true), "IP");
  state.admin = Admin::kDraining;
  EXPECT_EQ(flags(condition_of(state, 5), false), "DX");
}

class WatchTest : public testing::Test {
 protected:
  WatchTest() {
    link::Group group;
    group.name = "g";
    group.destinations.resize(1);
    group.destinations[0].name.uri = "sip:198.18.0.21";
    group.destinations[0].slot = 0;
    group.destinations[0].hold = std::make_shared<char>();
    config.groups.push_back(group);
    watch.look(config, 1);
  }
  link::Destinations states{4};
  link::RunningConfig config;
  Watch watch{states};
};

TEST_F(WatchTest, EachChangeIsSeenOnceAndRememberedInOrder) {
  int told = 0;
  watch.on_change = [&](const Change&) { ++told; };
  watch.look(config, 1);
  EXPECT_EQ(watch.newest(), 0u);
  states.at(0).probed = Probed::kDown;
  watch.look(config, 1);
  watch.look(config, 1);
  states.at(0).probed = Probed::kUp;
  watch.look(config, 1);
  auto all = watch.since(0);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(told, 2);
  EXPECT_EQ(all[0].to, Condition::kInactive);
  EXPECT_EQ(all[1].from, Condition::kInactive);
  EXPECT_EQ(all[1].to, Condition::kActive);
  EXPECT_EQ(watch.since(1).size(), 1u);
  EXPECT_TRUE(watch.since(2).empty());
  EXPECT_EQ(watch.became(0, Condition::kInactive), 1u);
  EXPECT_EQ(watch.became(0, Condition::kActive), 1u);
  EXPECT_EQ(watch.became(0, Condition::kBroken), 0u);
}

TEST_F(WatchTest, DrainedIsDisabled) {
  states.at(0).calls = 1;
  states.at(0).admin = Admin::kDraining;
  watch.look(config, 1);
  EXPECT_EQ(states.at(0).admin, Admin::kDraining);
  states.at(0).calls = 0;
  watch.look(config, 1);
  EXPECT_EQ(states.at(0).admin, Admin::kDisabled);
  EXPECT_EQ(watch.since(1)[0].to, Condition::kDisabled);
}

TEST_F(WatchTest, AnotherDestinationInTheSlotHasNoPast) {
  states.at(0).admin = Admin::kDisabled;
  config.groups[0].destinations[0].hold = std::make_shared<char>();
  watch.look(config, 1);
  EXPECT_EQ(watch.newest(), 0u);
}

TEST_F(WatchTest, RemembersSoManyAndNoMore) {
  for (size_t i = 0; i < 3 * Watch::kRemembered; ++i) {
    states.at(0).probed = i % 2 == 0 ? Probed::kDown : Probed::kUp;
    watch.look(config, 1);
  }
  EXPECT_EQ(watch.since(0).size(), Watch::kRemembered);
  EXPECT_EQ(watch.newest(), 3 * Watch::kRemembered);
}

}  // namespace
}  // namespace control::health
