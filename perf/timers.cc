// What does a timer cost, with a million and ten million running? Schedule and cancel, and the
// expiry of what was scheduled, by the wheel of Tandem and by DPDK's rte_timer.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_timer.h>

#include <memory>
#include <random>

#include "control/link/timer_wheel.h"
#include "perf/eal.h"

namespace {

using control::link::TimerWheel;

constexpr uint64_t kLingerMs = 32000;
constexpr size_t kPassing = 1 << 16;  // timers that come and go beside those that stay

// A wheel with `count` timers spread over the linger time, and room for kPassing more.
struct Wheel {
  explicit Wheel(size_t count) : wheel(count + kPassing, 0), first(static_cast<uint32_t>(count)) {
    for (uint32_t id = 0; id < count; ++id) {
      wheel.schedule(id, (uint64_t{1} << 30) + kLingerMs * id / count);
    }
  }
  TimerWheel wheel;
  uint32_t first;  // of those that pass
};

Wheel& wheel_with(size_t count) {
  static std::unique_ptr<Wheel> one;
  static size_t size = 0;
  if (size != count) {
    one.reset();
    one = std::make_unique<Wheel>(count);
    size = count;
  }
  return *one;
}

void wheel_schedule_cancel(benchmark::State& state) {
  Wheel& all = wheel_with(static_cast<size_t>(state.range(0)));
  uint32_t at = 0;
  for (auto _ : state) {
    uint32_t id = all.first + at++ % kPassing;
    all.wheel.schedule(id, kLingerMs + 1);
    all.wheel.cancel(id);
  }
}

// All of them are scheduled for the linger time, then all expire: both per timer.
void wheel_expire(benchmark::State& state) {
  size_t count = static_cast<size_t>(state.range(0));
  uint64_t now = 0;
  TimerWheel wheel(count, now);
  size_t due = 0;
  for (auto _ : state) {
    for (uint32_t id = 0; id < count; ++id) wheel.schedule(id, now + kLingerMs + id * 10 / count);
    now += 2 * kLingerMs;
    while (!wheel.advance(now, 1 << 20, [&](uint32_t) { ++due; })) {
    }
  }
  if (due != static_cast<size_t>(state.iterations()) * count) state.SkipWithError("some are left");
  state.SetItemsProcessed(static_cast<int64_t>(due));
}

size_t fired = 0;
void on_rte_timer(rte_timer*, void*) { ++fired; }

struct RteTimers {
  explicit RteTimers(size_t count) : timers(count + kPassing) {
    for (rte_timer& one : timers) rte_timer_init(&one);
    for (size_t i = 0; i < count; ++i) {
      uint64_t ticks = rte_get_timer_hz() * 3600 + i * 100;
      rte_timer_reset(&timers[i], ticks, SINGLE, rte_lcore_id(), on_rte_timer, nullptr);
    }
  }
  ~RteTimers() {
    for (rte_timer& one : timers) rte_timer_stop(&one);
  }
  std::vector<rte_timer> timers;
};

void rte_timer_schedule_cancel(benchmark::State& state) {
  size_t count = static_cast<size_t>(state.range(0));
  RteTimers all(count);
  size_t at = 0;
  uint64_t ticks = rte_get_timer_hz() * 32;
  for (auto _ : state) {
    rte_timer* one = &all.timers[count + at++ % kPassing];
    rte_timer_reset(one, ticks, SINGLE, rte_lcore_id(), on_rte_timer, nullptr);
    rte_timer_stop(one);
  }
}

void rte_timer_expire(benchmark::State& state) {
  size_t count = static_cast<size_t>(state.range(0));
  std::vector<rte_timer> timers(count);
  for (rte_timer& one : timers) rte_timer_init(&one);
  fired = 0;
  for (auto _ : state) {
    for (rte_timer& one : timers) {
      rte_timer_reset(&one, 1, SINGLE, rte_lcore_id(), on_rte_timer, nullptr);
    }
    size_t wanted = fired + count;
    while (fired < wanted) rte_timer_manage();
  }
  state.SetItemsProcessed(static_cast<int64_t>(fired));
}

BENCHMARK(wheel_schedule_cancel)->Arg(10000)->Arg(1000000)->Arg(10000000);
BENCHMARK(rte_timer_schedule_cancel)->Arg(10000)->Arg(1000000)->Arg(10000000)->Iterations(200000);
BENCHMARK(wheel_expire)->Arg(10000)->Arg(1000000)->Arg(10000000);
BENCHMARK(rte_timer_expire)->Arg(10000)->Arg(1000000)->Iterations(2);

}  // namespace

int main(int argc, char** argv) {
  if (!perf::start_eal("timers", 64)) return 1;
  if (rte_timer_subsystem_init() != 0) return 1;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
