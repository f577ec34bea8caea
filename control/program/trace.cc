#include "control/program/trace.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "control/manage/client.h"
#include "control/manage/parse_report.h"
#include "control/trace/ladder.h"
#include "control/trace/pcap.h"

namespace control::program {
namespace {

using manage::ask;
using manage::Json;

constexpr auto kBetweenLooks = std::chrono::milliseconds(200);

volatile std::sig_atomic_t interrupted = 0;

std::string time_of(uint64_t date_us) {
  auto seconds = static_cast<std::time_t>(date_us / 1000000);
  return fmt::format("{:%H:%M:%S}.{:06}", fmt::localtime(seconds), date_us % 1000000);
}

// Whoever sends a message shall not drive the terminal of those who look at it.
std::string safe(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = c >= 0x20 && c < 0x7f;
    out += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
  }
  return out;
}

std::string safe_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find("\r\n"));
    text.remove_prefix(std::min(text.size(), line.size() + 2));
    out += safe(line) + "\n";
  }
  return out;
}

class Shown {
 public:
  explicit Shown(const TraceOptions& options) : options_(options) {
    if (options.pcap.empty()) return;
    pcap_.open(options.pcap, std::ios::binary);
    if (!pcap_) throw std::runtime_error(options.pcap + " cannot be written");
    pcap_ << trace::pcap_head();
  }

  void show(const Json& message) {
    std::string from = message["from"], to = message["to"];
    std::string text = manage::bytes_of(message["text"].get<std::string>()).value_or("");
    uint64_t date_us = message["date_us"], size = message["size"];
    std::string time = time_of(date_us);
    if (options_.whole) {
      std::printf("%s  %s -> %s\n%s\n", time.c_str(), from.c_str(), to.c_str(),
                  safe_lines(text).c_str());
      if (size > text.size()) std::printf("(%lu bytes more)\n", size - text.size());
    } else {
      std::fputs(ladder_.add(time, from, to, safe(trace::label_of(text))).c_str(), stdout);
    }
    std::fflush(stdout);
    auto source = sipcore::parse_endpoint(from, 0), target = sipcore::parse_endpoint(to, 0);
    if (pcap_.is_open() && source && target) {
      pcap_ << trace::pcap_packet(date_us, *source, *target, text) << std::flush;
    }
  }

 private:
  const TraceOptions& options_;
  trace::Ladder ladder_;
  std::ofstream pcap_;
};

Json result_of(const TraceOptions& options, const std::string& method, const Json& params) {
  Json reply = ask(options.socket, method, params);
  if (reply.contains("error")) {
    throw std::runtime_error(reply["error"].value("message", "failed"));
  }
  return reply["result"];
}

}  // namespace

int show_trace(const TraceOptions& options) {
  Shown shown(options);
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  Json begun = result_of(options, "trace.start", {options.what, options.text, options.seconds});
  uint64_t after = begun["newest"], lost = 0;
  for (bool more = true, first = true; more; first = false) {
    if (interrupted != 0) result_of(options, "trace.stop", Json::array());
    Json result = result_of(options, "trace.messages", {after});
    for (const Json& message : result["messages"]) {
      shown.show(message);
      after = message["number"];
    }
    if (first) lost = result["lost"];
    bool all = after == result["newest"].get<uint64_t>();
    more = result["active"].get<bool>() || !all;
    if (!more && result["lost"] > lost) {
      std::fprintf(stderr, "tandemctl: %lu messages found no room and are missing\n",
                   result["lost"].get<uint64_t>() - lost);
    }
    if (more && all) std::this_thread::sleep_for(kBetweenLooks);
  }
  return 0;
}

}  // namespace control::program
