// What does the transaction table cost? Insert, hit and miss at several sizes, one at a time and in
// bursts of 32 whose memory is asked for first; beside it DPDK's rte_hash and the standard
// library's map, with the same 128-bit keys.
#include <benchmark/benchmark.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include <array>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>

#include "dataplane/core/transactions.h"
#include "perf/eal.h"
#include "sipcore/hash/siphash.h"

namespace {

using dataplane::KeyIndex;
using sipcore::Hash128;

constexpr size_t kBurst = 32;

// Keys as SipHash makes them: the i-th of a run, the same each time.
Hash128 key(uint64_t i) { return sipcore::SipHash({1, 2}, true).add_word(i, 8).finish_wide(); }

struct Ours {
  explicit Ours(size_t most) : index(most), branches(most) {}
  void insert(const Hash128& key_, uint32_t slot) {
    branches[slot].key = key_;
    index.insert(key_.low, slot);
  }
  void erase(const Hash128& key_, uint32_t slot) { index.erase(key_.low, slot); }
  bool find(const Hash128& key_) const {
    return index.find(key_.low, [&](uint32_t slot) { return branches[slot].key == key_; }) !=
           KeyIndex::kNone;
  }
  size_t find_burst(const std::array<Hash128, kBurst>& keys) const {
    for (const Hash128& one : keys) index.prefetch(one.low);
    size_t found = 0;
    for (const Hash128& one : keys) found += find(one);
    return found;
  }
  KeyIndex index;
  control::link::HugeVector<dataplane::Branch> branches;
};

struct KeyHash {
  size_t operator()(const Hash128& key_) const { return key_.low; }
};

struct Standard {
  explicit Standard(size_t most) { map.reserve(most); }
  void insert(const Hash128& key_, uint32_t slot) { map.emplace(key_, slot); }
  void erase(const Hash128& key_, uint32_t) { map.erase(key_); }
  bool find(const Hash128& key_) const { return map.contains(key_); }
  size_t find_burst(const std::array<Hash128, kBurst>& keys) const {
    size_t found = 0;
    for (const Hash128& one : keys) found += find(one);
    return found;
  }
  std::unordered_map<Hash128, uint32_t, KeyHash> map;
};

struct Dpdk {
  explicit Dpdk(size_t most) {
    rte_hash_parameters parameters{};
    parameters.name = "table";
    parameters.entries = static_cast<uint32_t>(most + most / 8);
    parameters.key_len = sizeof(Hash128);
    parameters.hash_func = [](const void* data, uint32_t, uint32_t) {
      return static_cast<uint32_t>(static_cast<const Hash128*>(data)->low);
    };
    table.reset(rte_hash_create(&parameters));
  }
  void insert(const Hash128& key_, uint32_t) { rte_hash_add_key(table.get(), &key_); }
  void erase(const Hash128& key_, uint32_t) { rte_hash_del_key(table.get(), &key_); }
  bool find(const Hash128& key_) const { return rte_hash_lookup(table.get(), &key_) >= 0; }
  size_t find_burst(const std::array<Hash128, kBurst>& keys) const {
    std::array<const void*, kBurst> list;
    std::array<int32_t, kBurst> places;
    for (size_t i = 0; i < kBurst; ++i) list[i] = &keys[i];
    rte_hash_lookup_bulk(table.get(), list.data(), kBurst, places.data());
    size_t found = 0;
    for (int32_t place : places) found += place >= 0;
    return found;
  }
  struct Free {
    void operator()(rte_hash* one) const { rte_hash_free(one); }
  };
  std::unique_ptr<rte_hash, Free> table;
};

// One table at a time is kept: the benchmarks of one size use the same.
template <class Table>
Table& filled(size_t entries) {
  static std::unique_ptr<Table> table;
  static size_t size = 0;
  if (size != entries) {
    table.reset();
    table = std::make_unique<Table>(entries + kBurst);
    for (size_t i = 0; i < entries; ++i) table->insert(key(i), static_cast<uint32_t>(i));
    size = entries;
  }
  return *table;
}

// Keys in no order, so that no cache knows what comes.
std::vector<Hash128> some_keys(size_t entries, bool present) {
  std::mt19937_64 random(1);
  std::vector<Hash128> keys(1 << 16);
  for (Hash128& one : keys) one = key(random() % entries + (present ? 0 : entries * 2));
  return keys;
}

template <class Table>
void find(benchmark::State& state, bool present) {
  size_t entries = static_cast<size_t>(state.range(0));
  const Table& table = filled<Table>(entries);
  auto keys = some_keys(entries, present);
  size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(table.find(keys[at++ % keys.size()]));
}

template <class Table>
void find_burst(benchmark::State& state, bool present) {
  size_t entries = static_cast<size_t>(state.range(0));
  const Table& table = filled<Table>(entries);
  auto keys = some_keys(entries, present);
  std::array<Hash128, kBurst> burst;
  size_t at = 0;
  for (auto _ : state) {
    std::copy_n(keys.begin() + static_cast<long>(at % keys.size()), kBurst, burst.begin());
    at += kBurst;
    benchmark::DoNotOptimize(table.find_burst(burst));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kBurst));
}

// One in, one out: the table stays as full as it is.
template <class Table>
void insert_and_erase(benchmark::State& state) {
  size_t entries = static_cast<size_t>(state.range(0));
  Table& table = filled<Table>(entries);
  auto keys = some_keys(entries, false);
  size_t at = 0;
  for (auto _ : state) {
    const Hash128& one = keys[at++ % keys.size()];
    table.insert(one, static_cast<uint32_t>(entries));
    table.erase(one, static_cast<uint32_t>(entries));
  }
}

template <class Table>
void add_all(const std::string& name, int64_t entries) {
  std::string end = "/" + name;
  auto add = [&](const std::string& what, auto function) {
    benchmark::RegisterBenchmark((what + end).c_str(), function)->Arg(entries);
  };
  add("hit", [](benchmark::State& state) { find<Table>(state, true); });
  add("miss", [](benchmark::State& state) { find<Table>(state, false); });
  add("hit_burst", [](benchmark::State& state) { find_burst<Table>(state, true); });
  add("miss_burst", [](benchmark::State& state) { find_burst<Table>(state, false); });
  add("insert_and_erase", [](benchmark::State& state) { insert_and_erase<Table>(state); });
}

}  // namespace

int main(int argc, char** argv) {
  if (!perf::start_eal("table", 2048)) return 1;
  for (int64_t entries : {10000, 1000000, 10000000}) {
    add_all<Ours>("tandem", entries);
    add_all<Dpdk>("rte_hash", entries);
    add_all<Standard>("unordered_map", entries);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
