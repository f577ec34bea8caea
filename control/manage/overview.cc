#include "control/manage/overview.h"

#include <algorithm>
#include <array>
#include <utility>

#include "control/manage/version.h"

namespace control::manage {
namespace {

using link::Count;
using link::Histogram;
using link::Traffic;

constexpr size_t kEvents = 20;  // the newest

// Those that never counted anything are left out.
Json counters(const link::Exchange& exchange) {
  Json out = Json::object();
  for (size_t i = 0; i < static_cast<size_t>(Count::kCount); ++i) {
    std::string name(link::kCounterNames[i].name);
    uint64_t value = exchange.total(static_cast<Count>(i));
    if (value > 0) out[name] = value;
  }
  return out;
}

Json histogram(const link::Exchange& exchange, Histogram Traffic::*which) {
  Json out = Json::array();
  for (size_t i = 0; i <= Histogram::kBoundsUs.size(); ++i) {
    out.push_back(exchange.total_traffic([&](const Traffic& t) { return (t.*which).count(i); }));
  }
  return out;
}

Json responses(const link::Exchange& exchange) {
  Json out = Json::object();
  std::array<uint64_t, link::kCodePlaces> counts{};
  size_t listens = std::min(exchange.config.read()->listens.size(), Traffic::kMostListens);
  for (const auto& traffic : exchange.traffic) {
    for (size_t listen = 0; listen < listens; ++listen) {
      for (const auto& of_method : traffic->responses_out[listen]) {
        for (size_t place = 0; place < counts.size(); ++place)
          counts[place] += of_method[place].read();
      }
    }
  }
  for (size_t place = 0; place < counts.size(); ++place) {
    if (counts[place] > 0) out[link::code_name(place)] = counts[place];
  }
  return out;
}

Json workers(const link::Exchange& exchange) {
  Json out = Json::array();
  for (const auto& traffic : exchange.traffic) {
    out.push_back({{"busy_us", traffic->busy_us.read()},
                   {"calls", traffic->dialogs.read()},
                   {"transactions", traffic->server_transactions.read()}});
  }
  return out;
}

}  // namespace

Overview::Totals Overview::totals(uint64_t now_us) const {
  Totals out{now_us, exchange_.total(Count::calls), exchange_.total(Count::packets_in), 0, {}};
  for (size_t i = 0; i < static_cast<size_t>(Count::kCount); ++i) {
    std::string_view name = link::kCounterNames[i].name;
    bool refuses = name.starts_with("drop_") || name.starts_with("rejected_");
    if (refuses) out.refused += exchange_.total(static_cast<Count>(i));
  }
  for (const auto& traffic : exchange_.traffic) out.busy_us.push_back(traffic->busy_us.read());
  return out;
}

void Overview::tick(uint64_t now_us) {
  Totals now = totals(now_us);
  Totals before = std::exchange(before_, now);
  if (before.at_us == 0 || now_us <= before.at_us) return;
  double seconds = static_cast<double>(now_us - before.at_us) / 1e6;
  auto rate = [&](uint64_t a, uint64_t b) { return static_cast<double>(b - a) / seconds; };
  Second second{rate(before.calls, now.calls), rate(before.packets, now.packets),
                rate(before.refused, now.refused), 0};
  for (size_t i = 0; i < now.busy_us.size(); ++i) {
    double percent = rate(before.busy_us[i], now.busy_us[i]) / 1e4;
    second.busy_percent = std::max(second.busy_percent, std::min(percent, 100.0));
  }
  seconds_.push_back(second);
  if (seconds_.size() > kKept) seconds_.pop_front();
}

Json Overview::history() const {
  Json out = {{"calls", Json::array()},
              {"packets", Json::array()},
              {"refused", Json::array()},
              {"busy", Json::array()}};
  for (const Second& one : seconds_) {
    out["calls"].push_back(one.calls);
    out["packets"].push_back(one.packets);
    out["refused"].push_back(one.refused);
    out["busy"].push_back(one.busy_percent);
  }
  return out;
}

void Overview::add_method(Rpc& rpc, std::time_t since) {
  rpc.add("core.overview", "all that the page shows", [this, &rpc, since](const Json&) {
    std::time_t now = std::time(nullptr);
    Json events = rpc.run("dispatcher.events", nullptr)["events"];
    if (events.size() > kEvents) {
      events.erase(events.begin(), events.end() - static_cast<ptrdiff_t>(kEvents));
    }
    return Json{{"name", live_.settings().name},
                {"version", kVersion},
                {"now", now},
                {"uptime", now - since},
                {"steerable", !live_.settings().management.token.empty()},
                {"groups", rpc.run("dispatcher.list", nullptr)["RECORDS"]},
                {"rules", rpc.run("rules.list", nullptr)["rules"]},
                {"events", events},
                {"counters", counters(exchange_)},
                {"responses", responses(exchange_)},
                {"workers", workers(exchange_)},
                {"bounds_us", Histogram::kBoundsUs},
                {"post_dial_delay", histogram(exchange_, &Traffic::post_dial_delay)},
                {"history", history()}};
  });
}

}  // namespace control::manage
