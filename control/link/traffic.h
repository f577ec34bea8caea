// What a worker has seen, beyond Counters: by listen address, method and code, how long things
// took, and how busy it is. As Counters: the worker is the only writer, any thread may read.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "control/link/codes.h"
#include "sipcore/grammar/method.h"

namespace control::link {

// A number that one thread changes and others read.
class Tally {
 public:
  void add(uint64_t by = 1) { set(read() + by); }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Times in microseconds, by classes.
class Histogram {
 public:
  // Upper ends of the classes; the last class has none.
  static constexpr std::array<uint64_t, 16> kBoundsUs = {
      500,    1000,   2500,    5000,    10000,   25000,    50000,    100000,
      250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000};

  void add(uint64_t us) {
    size_t at = 0;
    while (at < kBoundsUs.size() && us > kBoundsUs[at]) ++at;
    counts_[at].add();
    sum_us_.add(us);
  }
  uint64_t count(size_t at) const { return counts_[at].read(); }  // not cumulative
  uint64_t sum_us() const { return sum_us_.read(); }

 private:
  std::array<Tally, kBoundsUs.size() + 1> counts_;
  Tally sum_us_;
};

struct alignas(64) Traffic {
  static constexpr size_t kMostListens = 64;  // those behind share the last place
  static constexpr size_t kMethods = static_cast<size_t>(sipcore::Method::kCount);
  static constexpr size_t kBursts = 7;  // 1, 2, 3 to 4, 5 to 8, ... 33 to 64 packets

  void request(size_t listen, sipcore::Method method) {
    requests[std::min(listen, kMostListens - 1)][static_cast<size_t>(method)].add();
  }
  // `method` of its request.
  void response_in(size_t listen, sipcore::Method method, int status) {
    place(responses_in, listen, method, status).add();
  }
  void response_out(size_t listen, sipcore::Method method, int status) {
    place(responses_out, listen, method, status).add();
  }
  void burst(size_t packets) {
    size_t at = 0;
    while (at + 1 < kBursts && packets > size_t{1} << at) ++at;
    bursts[at].add();
  }

  std::array<std::array<Tally, kMethods>, kMostListens> requests;  // well-formed ones
  using Responses = std::array<std::array<std::array<Tally, kCodePlaces>, kMethods>, kMostListens>;
  Responses responses_in;
  Responses responses_out;            // forwarded, and our own; without repetitions
  Histogram first_response;           // of a destination, to anything that it was sent
  Histogram post_dial_delay;          // from an INVITE to a destination until it rings or answers
  Histogram call_setup;               // until it answers
  std::array<Tally, kBursts> bursts;  // turns in which packets came
  Tally busy_us;                      // spent in turns that had something to do

  Tally trace_lost;  // copies that control had no room for

  // Of this moment, to a millisecond.
  Tally server_transactions, client_transactions, branches;
  Tally stored_messages, dialogs, waiting_packets;

 private:
  static Tally& place(Responses& all, size_t listen, sipcore::Method method, int status) {
    auto& of_listen = all[std::min(listen, kMostListens - 1)];
    return of_listen[static_cast<size_t>(method)][code_place(status)];
  }
};

}  // namespace control::link
