// What does it cost to pass a message between two threads, and to choose a destination?
#include <benchmark/benchmark.h>

#include <atomic>
#include <thread>

#include "control/link/mailbox.h"
#include "sipcore/balance/rendezvous.h"
#include "sipcore/hash/siphash.h"

namespace {

struct Letter {
  uint64_t words[4];
};

void mailbox_one_thread(benchmark::State& state) {
  control::link::Mailbox<Letter> mailbox(1024);
  Letter letter{};
  for (auto _ : state) {
    mailbox.push(letter);
    benchmark::DoNotOptimize(mailbox.pop(letter));
  }
}

// One thread puts in, the other takes out, as fast as they can.
void mailbox_two_threads(benchmark::State& state) {
  control::link::Mailbox<Letter> mailbox(1024);
  std::atomic<bool> ended{false};
  std::thread other([&] {
    Letter letter;
    while (!ended.load(std::memory_order_relaxed)) mailbox.pop(letter);
  });
  Letter letter{};
  for (auto _ : state) {
    while (!mailbox.push(letter)) {
    }
  }
  ended = true;
  other.join();
}

void choose_destination(benchmark::State& state) {
  std::vector<sipcore::WeightedName> names;
  for (int64_t i = 0; i < state.range(0); ++i) {
    names.push_back({"sip:198.18.1." + std::to_string(i), 1});
  }
  sipcore::RendezvousTable table(names, {1, 2});
  uint64_t call = 0;
  for (auto _ : state) {
    uint64_t hash = sipcore::SipHash({1, 2}).add_word(++call, 8).finish();
    benchmark::DoNotOptimize(table.select(hash, [](uint16_t) { return true; }));
  }
}

BENCHMARK(mailbox_one_thread);
BENCHMARK(mailbox_two_threads)->UseRealTime();
BENCHMARK(choose_destination)->Arg(2)->Arg(16)->Arg(1000);

}  // namespace

BENCHMARK_MAIN();
