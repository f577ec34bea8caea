// What becomes of calls when more are offered than a worker can carry (RFC 5390, RFC 7339): the
// whole worker over the in-memory port, in a time of its own.
//
//   overload [--rate N] [--seconds N] [--most N] [--rounds N]
//
// The clock goes on by what the worker's turns take, and by nothing else: what the generator and
// the host do with the CPU has no part in it, and any load can be offered. Packets wait in a ring
// as long as those of network cards can be; what finds it full is lost. Looks for the highest rate
// with nearly no loss, from N calls/s on, then offers 2, 5 and 10 times as much, each for some
// seconds until it is as it will stay, and measures for so many more. Neighbours on the host make
// memory slow for seconds or minutes: "as much" is of what the worker completes alone just before,
// and what comes of it is compared with the mean of that before and after, in rounds.
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "dataplane/net/headers.h"
#include "perf/load/calls.h"
#include "perf/load/search.h"
#include "tests/simulation/node.h"

namespace {

using load::Calls;
using load::Ip;

constexpr size_t kRing = 4096;
constexpr double kLongestTurnUs =
    400;                      // of 32 packets and 256 timers; what is longer, the host took
constexpr double kNapUs = 2;  // what a turn takes that finds nothing to do
constexpr uint32_t kPatienceMs = 3000;
constexpr double kEventsPerS = 1.2;  // of each that waits: three in 3.5 s, and a little more
constexpr double kBackRate = 0.8;
constexpr double kSteadyS = 4;  // in which those who wait have given up, and as many come as go

const sipcore::Endpoint kServer = tests::endpoint(tests::kListen);

double cycles_per_us() {
  using Clock = std::chrono::steady_clock;
  auto start = Clock::now();
  uint64_t cycles = __rdtsc();
  std::chrono::duration<double, std::micro> passed{};
  while (passed.count() < 50000) passed = Clock::now() - start;
  return static_cast<double>(__rdtsc() - cycles) / passed.count();
}

sipcore::Endpoint endpoint_of(Ip ip) {
  sipcore::Endpoint out{{{}, sipcore::Family::kV4}, load::kSipPort};
  for (size_t i = 0; i < 4; ++i) out.ip.bytes[i] = static_cast<uint8_t>(ip >> (24 - 8 * i));
  return out;
}

// The wire between the generator and the node.
class Line : public load::Outlet {
 public:
  explicit Line(tests::Node& node) : node_(node) {}

  char* begin() override {
    if (next_ == nullptr) next_ = node_.small_packets().take();
    return next_ == nullptr ? nullptr : next_->data();
  }
  void commit(size_t size, Ip from, bool) override {
    auto& ring = node_.port(0).to_worker;
    if (ring.size() >= kRing) {
      ++lost_;
      return;
    }
    next_->size = static_cast<uint32_t>(size);
    dataplane::write_headers(*next_, endpoint_of(from), kServer, {}, 1);
    ring.push_back(std::exchange(next_, nullptr));
  }
  // What the node has sent, for whom it is.
  void deliver(Calls& calls, uint64_t now_us) {
    static const uint32_t kHeaders = dataplane::headers_size(sipcore::Family::kV4);
    static const auto kCallerIp = endpoint_of(load::kCaller).ip;
    auto& sent = node_.port(0).from_worker;
    for (; !sent.empty(); sent.pop_front()) {
      std::string_view frame = sent.front()->bytes();
      const char* target = frame.data() + 30;  // behind Ethernet and most of the IPv4 header
      bool to_caller = std::memcmp(target, kCallerIp.bytes.data(), 4) == 0;
      calls.take_in({to_caller, frame.substr(kHeaders)}, now_us);
      dataplane::release(sent.front());
    }
  }
  uint64_t lost() const { return lost_; }

 private:
  tests::Node& node_;
  dataplane::Packet* next_ = nullptr;
  uint64_t lost_ = 0;
};

constexpr std::array kTimes = {2, 5, 10};

struct Shape {
  double rate = 20000, seconds = 2;
  size_t rounds = 5;
  size_t most = 1 << 23;  // calls that wait at a time
};

struct Round {
  double completed = 0;  // calls a second
  double share = 0;      // of those at the best rate, just before and after
  uint64_t lost = 0;
};

class Overloaded {
 public:
  explicit Overloaded(const Shape& shape)
      : shape_(shape),
        node_({.backends = 1,
               .limits = {1 << 18, 1 << 18, 1 << 23, 1 << 18, 1 << 20},
               .packets = 4 * kRing,
               .poison = false}),
        line_(node_),
        calls_(line_, {load::Kind::kCall, 0, kPatienceMs, shape.most}) {
    node_.configure([](auto& config) {
      auto& destination = config.groups.front().destinations.front();
      destination.endpoint = endpoint_of(load::kCallee);
      destination.name.uri = "sip:" + sipcore::to_string(destination.endpoint);
    });
  }

  void measure() {
    double best = load::highest_rate(shape_.rate, [&](double rate) {
      measure(rate, 1);
      drain();
      return calls_.result().good();
    });
    print("calls, loss under 0.01 %", best, "calls/s");
    std::map<int, std::vector<Round>> rounds;
    double before = measure_alone(best);
    for (size_t i = 0; i < shape_.rounds; ++i) {
      for (int times : kTimes) {
        Round round{.completed = measure(before * times, kSteadyS), .lost = line_.lost() - lost_};
        double after = measure_alone(best);
        round.share = 2 * round.completed / (before + after);
        rounds[times].push_back(round);
        before = after;
      }
    }
    for (auto& [times, all] : rounds) print(times, all);
    measure(before * kTimes.back(), kSteadyS);
    print("as before, after", back_after_ms(kBackRate * before), "ms",
          "at four fifths of what was completed at that rate last");
    drain();
    std::printf("%lu turns were interrupted by the host\n", interrupted_);
  }

 private:
  static void print(const char* name, double value, const char* unit, const char* remark = "") {
    std::printf("%-40s %12.0f %-8s %s\n", name, value, unit, remark);
  }
  // The median round, and the spread of all.
  static void print(int times, std::vector<Round>& rounds) {
    std::ranges::sort(rounds, {}, &Round::share);
    const Round& median = rounds[rounds.size() / 2];
    char name[64], remark[160];
    std::snprintf(name, sizeof name, "completed at %d times that rate", times);
    std::snprintf(remark, sizeof remark, "%lu lost in the ring", median.lost);
    print(name, median.completed, "calls/s", remark);
    std::snprintf(name, sizeof name, "of that before and after, at %d times", times);
    std::snprintf(remark, sizeof remark, "%.0f to %.0f", 100 * rounds.front().share,
                  100 * rounds.back().share);
    print(name, 100 * median.share, "%", remark);
  }
  // Calls completed a second, after `before` seconds of the same.
  double measure(double rate, double before) {
    offer(rate, std::min(before, before * shape_.seconds));
    calls_.result() = {};
    lost_ = line_.lost();
    double start = now_us_;
    offer(rate, shape_.seconds);
    return static_cast<double>(calls_.result().completed) / (now_us_ - start) * 1e6;
  }
  // The same when nobody waits any more of those who came before.
  double measure_alone(double rate) {
    drain();
    return measure(rate, kSteadyS);
  }
  // How long it is until calls of this rate come through, 95 in 100 of them in each tenth of the
  // second that follows.
  double back_after_ms(double rate) {
    constexpr double kWindowS = 0.1, kWatchedS = 20;
    constexpr int kWindows = 10;
    double start = now_us_, fine_since = start;
    for (int fine = 0; fine < kWindows && now_us_ - start < kWatchedS * 1e6;) {
      calls_.result() = {};
      offer(rate, kWindowS);
      bool good = static_cast<double>(calls_.result().completed) >= 0.95 * rate * kWindowS;
      fine = good ? fine + 1 : 0;
      if (!good) fine_since = now_us_;
    }
    return (fine_since - start) / 1000;
  }
  void offer(double rate, double seconds) {
    double end = now_us_ + seconds * 1e6, gap = 1e6 / rate, due = now_us_, spare = 0;
    while (now_us_ < end) {
      for (; due <= now_us_; due += gap) {
        calls_.begin(static_cast<uint64_t>(due), static_cast<uint64_t>(now_us_));
      }
      // What is to be sent again comes in heaps, as the generator's wheel goes by ticks; that of
      // many callers does not.
      double before = now_us_;
      turn(static_cast<size_t>(spare));
      double events = (now_us_ - before) / 1e6 * kEventsPerS * static_cast<double>(calls_.open());
      spare += events - std::floor(spare);
    }
  }
  void drain() {
    double end = now_us_ + 20e6;
    while (calls_.open() > 0 && now_us_ < end) turn(load::Outlet::kBurst);
    calls_.run_timers(static_cast<uint64_t>(now_us_));
  }
  void turn(size_t timers) {
    uint64_t now = static_cast<uint64_t>(now_us_);
    if (timers > 0) calls_.run_timers(now, timers);
    bool idle = node_.port(0).to_worker.empty();
    uint64_t start = __rdtsc();
    node_.poll_worker_at_us(0, now);
    double took = static_cast<double>(__rdtsc() - start) / cycles_per_us_;
    bool interrupted = took > kLongestTurnUs;
    interrupted_ += interrupted;
    if (!interrupted) usual_us_ = std::max(took, idle ? kNapUs : 0);
    now_us_ += usual_us_;
    line_.deliver(calls_, static_cast<uint64_t>(now_us_));
  }

  const Shape shape_;
  const double cycles_per_us_ = cycles_per_us();
  tests::Node node_;
  Line line_;
  Calls calls_;
  double now_us_ = 1e6;
  double usual_us_ = 1;  // the last turn that nobody interrupted
  uint64_t interrupted_ = 0;
  uint64_t lost_ = 0;  // in the ring, before what is measured
};

}  // namespace

int main(int argc, char** argv) {
  Shape shape;
  for (int i = 1; i + 1 < argc; i += 2) {
    double value = std::strtod(argv[i + 1], nullptr);
    if (std::strcmp(argv[i], "--rate") == 0) shape.rate = value;
    if (std::strcmp(argv[i], "--seconds") == 0) shape.seconds = value;
    if (std::strcmp(argv[i], "--most") == 0) shape.most = static_cast<size_t>(value);
    if (std::strcmp(argv[i], "--rounds") == 0) shape.rounds = static_cast<size_t>(value);
  }
  Overloaded(shape).measure();
  return 0;
}
