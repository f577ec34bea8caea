// A load generator for SIP proxies: calls and single requests at a fixed rate, over one packet
// port, by one thread. It is caller 198.18.0.110 and callee 198.18.0.121 and sends to 198.18.0.1,
// UDP port 5060; the server must have the callee as its only destination.
//
//   load --device memif:/run/x.sock --kind call --rate 50000 --seconds 5
//   load --device af_packet:eth0 --search --rate 1000 --seconds 4
//
// --search looks for the highest rate at which less than one in 10,000 is lost or fails. Prints one
// line of JSON for each trial.
#include <rte_cycles.h>
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "perf/load/calls.h"
#include "perf/load/flood.h"
#include "perf/load/search.h"
#include "perf/load/wire.h"

namespace {

using load::Calls;
using load::Kind;
using load::Result;

constexpr unsigned kNapUs = 50;

struct Options {
  std::string device = "memif:/run/tandem/memif.sock";
  std::string kind = "call";
  double rate = 1000, seconds = 5, warm_up = 1;
  uint32_t hold_ms = 0, patience_ms = 4000;
  unsigned cpu = 0;
  size_t dialogs = 10000, most = 1 << 19;
  bool search = false, unchecked = false, share_cpu = false;
  std::string flood;
  double flood_rate = 0;
};

Kind kind_of(const std::string& name) {
  if (name == "options") return Kind::kOptions;
  if (name == "message") return Kind::kMessage;
  if (name == "mixed") return Kind::kMixed;
  if (name == "dialog-options") return Kind::kDialogOptions;
  if (name == "stale") return Kind::kStale;
  return Kind::kCall;
}

// Time of one program run, in microseconds.
class Clock {
 public:
  uint64_t now_us() const {
    return static_cast<uint64_t>(static_cast<double>(rte_rdtsc() - start_) / per_us_);
  }

 private:
  const uint64_t start_ = rte_rdtsc();
  const double per_us_ = static_cast<double>(rte_get_tsc_hz()) / 1e6;
};

class Trial {
 public:
  // `naps`: sleeps where nothing has come.
  Trial(load::Wire& wire, Calls& calls, load::Flood& flood, const Clock& clock, bool naps)
      : wire_(wire), calls_(calls), flood_(flood), clock_(clock), naps_(naps) {}

  // Begins `rate` a second for `seconds`.
  void offer(double rate, double seconds) {
    uint64_t start = clock_.now_us(), end = start + static_cast<uint64_t>(seconds * 1e6);
    double gap_us = 1e6 / rate, due = 0;
    for (uint64_t now = start; now < end; now = turn()) {
      // What was due is begun, but no more at a time than a burst: the answers want to be read.
      for (int i = 0; i < load::Wire::kBurst && due <= static_cast<double>(now - start); ++i) {
        calls_.begin(start + static_cast<uint64_t>(due), now);
        due += gap_us;
      }
      flood_.run(now);
    }
  }
  // Waits for the end of what is open.
  void drain() {
    uint64_t end = clock_.now_us() + 20000000;
    while (calls_.open() > 0 && clock_.now_us() < end) turn();
  }

 private:
  uint64_t turn() {
    uint64_t now = clock_.now_us();
    const auto& came = wire_.receive();
    for (const load::Datagram& datagram : came) calls_.take_in(datagram, now);
    calls_.run_timers(now);
    wire_.flush();
    if (naps_ && came.empty()) usleep(kNapUs);
    return clock_.now_us();
  }

  load::Wire& wire_;
  Calls& calls_;
  load::Flood& flood_;
  const Clock& clock_;
  const bool naps_;
};

void print(const Options& options, double rate, const Result& r, uint64_t refused, uint64_t flood) {
  const std::pair<const char*, uint64_t> figures[] = {{"begun", r.begun},
                                                      {"completed", r.completed},
                                                      {"in_time", r.in_time},
                                                      {"lost", r.lost},
                                                      {"failed", r.failed},
                                                      {"busy", r.busy},
                                                      {"repeated", r.repeated},
                                                      {"doubled", r.doubled},
                                                      {"invalid", r.invalid},
                                                      {"not_begun", r.not_begun},
                                                      {"refused_by_port", refused},
                                                      {"flood", flood},
                                                      {"p50_us", r.setup_us.percentile(0.5)},
                                                      {"p99_us", r.setup_us.percentile(0.99)},
                                                      {"p999_us", r.setup_us.percentile(0.999)}};
  std::printf("{\"kind\":\"%s\",\"rate\":%.0f,\"seconds\":%.1f", options.kind.c_str(), rate,
              options.seconds);
  for (const auto& [name, value] : figures) std::printf(",\"%s\":%lu", name, value);
  std::puts("}");
  std::fflush(stdout);
}

class Load {
 public:
  Load(load::Wire& wire, const Options& options)
      : wire_(wire),
        options_(options),
        calls_(wire, {kind_of(options.kind), options.hold_ms, options.patience_ms, options.most,
                      !options.unchecked}),
        flood_(wire, load::Flood::kind_of(options.flood), options.flood_rate),
        trial_(wire, calls_, flood_, clock_, options.share_cpu) {}

  bool establish() {
    if (kind_of(options_.kind) != Kind::kDialogOptions) return true;
    trial_.offer(2000, static_cast<double>(options_.dialogs) / 2000);
    trial_.offer(1e-6, 0.5);  // the last answers
    calls_.stay_in_dialogs();
    return calls_.established() > 0;
  }
  // True: nearly nothing was lost.
  bool try_rate(double rate) {
    trial_.offer(rate, options_.warm_up);
    calls_.result() = {};
    trial_.offer(rate, options_.seconds);
    calls_.result().in_time = calls_.result().completed;
    trial_.drain();
    print(options_, rate, calls_.result(), wire_.refused(), flood_.sent());
    return calls_.result().good();
  }
  void search() {
    double highest = load::highest_rate(options_.rate, [&](double rate) { return try_rate(rate); });
    std::printf("{\"kind\":\"%s\",\"highest\":%.0f}\n", options_.kind.c_str(), highest);
  }

 private:
  load::Wire& wire_;
  const Options& options_;
  Clock clock_;
  Calls calls_;
  load::Flood flood_;
  Trial trial_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Load for a SIP proxy, one line of JSON for each trial");
  app.add_option("--device", options.device, "memif:SOCKET, af_packet:IF or af_xdp:IF");
  app.add_option("--kind", options.kind, "what is begun")
      ->check(CLI::IsMember({"call", "options", "message", "mixed", "dialog-options", "stale"}));
  app.add_option("--rate", options.rate, "begun a second; with --search the first that is tried");
  app.add_option("--seconds", options.seconds, "measured");
  app.add_option("--warm-up", options.warm_up, "seconds before, not measured");
  app.add_option("--hold", options.hold_ms, "milliseconds from ACK to BYE");
  app.add_option("--patience", options.patience_ms, "milliseconds after which a request is lost");
  app.add_option("--cpu", options.cpu, "to run on");
  app.add_option("--dialogs", options.dialogs, "calls that dialog-options are sent in");
  app.add_option("--most", options.most, "calls open at a time");
  app.add_option("--flood", options.flood, "what strangers send beside it")
      ->check(CLI::IsMember({"junk", "invite", "denied", "scanner", "fragment"}));
  app.add_option("--flood-rate", options.flood_rate, "of it, a second");
  app.add_flag("--unchecked", options.unchecked, "the server is no proxy, but forwards as it is");
  app.add_flag(
      "--share-cpu", options.share_cpu,
      "leave the CPU to others where nothing comes, and have it first where something does");
  app.add_flag("--search", options.search, "look for the highest rate");
  CLI11_PARSE(app, argc, argv);

  load::Wire wire(options.device, options.cpu);
  const sched_param first{.sched_priority = 1};
  if (options.share_cpu && sched_setscheduler(0, SCHED_FIFO, &first) != 0) {
    std::perror("load: sched_setscheduler");
    return 1;
  }
  if (!wire.find_server(10)) {
    std::fprintf(stderr, "load: nobody has 198.18.0.1 on %s\n", options.device.c_str());
    return 1;
  }
  Load load(wire, options);
  if (!load.establish()) {
    std::fprintf(stderr, "load: no call was answered\n");
    return 1;
  }
  if (options.search) {
    load.search();
  } else {
    load.try_rate(options.rate);
  }
  return 0;
}
