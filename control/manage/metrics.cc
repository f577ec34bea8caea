#include "control/manage/metrics.h"

#include <deque>
#include <limits>
#include <map>

#include "control/health/condition.h"
#include "control/manage/version.h"

namespace control::manage {
namespace {

using link::Count;
using link::Histogram;
using link::Tally;
using link::Traffic;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using Labels = std::vector<ClientMetric::Label>;

constexpr double kUs = 1e-6;

class Families {
 public:
  MetricFamily& family(const std::string& name, std::string_view help, MetricType type) {
    all.push_back({"tandem_" + name, std::string(help), type, {}});
    return all.back();
  }
  void counter(MetricFamily& family, const Labels& labels, double value) {
    ClientMetric metric;
    metric.label = labels;
    metric.counter.value = value;
    metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
  }
  void single(const std::string& name, std::string_view help, MetricType type, double value) {
    counter(family(name, help, type), {}, value);
  }

  std::deque<MetricFamily> all;  // references to them stay good
};

void add_counters(Families& out, const link::Exchange& exchange) {
  auto& packets =
      out.family("packets_total", "Packets received, by what became of them.", MetricType::Counter);
  auto name = [](size_t i) { return std::string(link::kCounterNames[i].name); };
  size_t i = 0;
  for (; i < static_cast<size_t>(Count::kFates); ++i) {
    double value = static_cast<double>(exchange.total(static_cast<Count>(i)));
    out.counter(packets, {{"fate", name(i)}}, value);
  }
  auto& sent = out.family("sent_total", "Messages sent, by kind.", MetricType::Counter);
  for (; i < static_cast<size_t>(Count::kSentEnd); ++i) {
    double value = static_cast<double>(exchange.total(static_cast<Count>(i)));
    out.counter(sent, {{"kind", name(i).substr(5)}}, value);
  }
  for (; i < static_cast<size_t>(Count::kCount); ++i) {
    out.single(name(i) + "_total", link::kCounterNames[i].text, MetricType::Counter,
               static_cast<double>(exchange.total(static_cast<Count>(i))));
  }
}

// Bounded, whatever methods peers invent.
std::string method_label(size_t method) {
  return method < std::size(sipcore::kMethodNames) ? std::string(sipcore::kMethodNames[method])
                                                   : "other";
}

Labels labels_of(const link::Group& group, const link::Destination& one) {
  return {{"group", group.name},
          {"destination", to_string(one.name.entry())},
          {"address", sipcore::to_string(one.endpoint)}};
}

// `labels` of what was received or sent there; the first method stands for all, before they come.
void add_requests(Families& out, MetricFamily& family, const link::Exchange& exchange,
                  size_t listen, Labels labels) {
  labels.push_back({"method", {}});
  for (size_t method = 0; method < Traffic::kMethods; ++method) {
    uint64_t count =
        exchange.total_traffic([&](const Traffic& t) { return t.requests[listen][method].read(); });
    if (count == 0 && method != 0) continue;
    labels.back().value = method_label(method);
    out.counter(family, labels, static_cast<double>(count));
  }
}

void add_responses(Families& out, MetricFamily& family, const link::Exchange& exchange, bool in,
                   size_t listen, const Labels& labels) {
  static const size_t kOk = link::code_place(200);
  for (size_t method = 0; method < Traffic::kMethods; ++method) {
    for (size_t place = 0; place < link::kCodePlaces; ++place) {
      uint64_t count = exchange.total_traffic([&](const Traffic& t) {
        return (in ? t.responses_in : t.responses_out)[listen][method][place].read();
      });
      if (count == 0 && (place != kOk || method != 0)) continue;
      Labels all = labels;
      all.push_back({"direction", in ? "in" : "out"});
      all.push_back({"method", method_label(method)});
      all.push_back({"code", link::code_name(place)});
      out.counter(family, all, static_cast<double>(count));
    }
  }
}

void add_messages(Families& out, const link::Exchange& exchange) {
  auto& requests =
      out.family("requests_total", "Well-formed requests received.", MetricType::Counter);
  auto& responses = out.family("responses_total", "Responses received, and sent to callers.",
                               MetricType::Counter);
  const auto& listens = exchange.config.read()->listens;
  for (size_t listen = 0; listen < std::min(listens.size(), Traffic::kMostListens); ++listen) {
    const Labels labels = {{"listen", sipcore::to_string(listens[listen].endpoint)}};
    add_requests(out, requests, exchange, listen, labels);
    add_responses(out, responses, exchange, true, listen, labels);
    add_responses(out, responses, exchange, false, listen, labels);
  }
}

void add_histogram(Families& out, const link::Exchange& exchange, const std::string& name,
                   std::string_view help, Histogram Traffic::*which) {
  ClientMetric metric;
  uint64_t cumulative = 0;
  for (size_t i = 0; i <= Histogram::kBoundsUs.size(); ++i) {
    cumulative += exchange.total_traffic([&](const Traffic& t) { return (t.*which).count(i); });
    bool last = i == Histogram::kBoundsUs.size();
    double bound = last ? std::numeric_limits<double>::infinity()
                        : static_cast<double>(Histogram::kBoundsUs[i]) * kUs;
    metric.histogram.bucket.push_back({cumulative, bound});
  }
  uint64_t sum_us = exchange.total_traffic([&](const Traffic& t) { return (t.*which).sum_us(); });
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = static_cast<double>(sum_us) * kUs;
  out.family(name, help, MetricType::Histogram).metric.push_back(std::move(metric));
}

// look(labels, destination, state) for each.
template <class Look>
void for_each_destination(const link::Exchange& exchange, Look look) {
  for (const link::Group& group : exchange.config.read()->groups) {
    for (const link::Destination& one : group.destinations) {
      look(labels_of(group, one), one, exchange.destinations.at(one.slot));
    }
  }
}

// A figure of every destination.
template <class Of>
void add_of_destinations(Families& out, const link::Exchange& exchange, const std::string& name,
                         std::string_view help, MetricType type, Of of) {
  auto& family = out.family("destination_" + name, help, type);
  for_each_destination(exchange, [&](const Labels& labels, const auto& one, const auto& state) {
    out.counter(family, labels, static_cast<double>(of(state, one)));
  });
}

double ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void add_destinations(Families& out, const link::Exchange& exchange, uint64_t now_ms) {
  using State = link::DestinationState;
  using Destination = link::Destination;
  constexpr auto kCounter = MetricType::Counter, kGauge = MetricType::Gauge;
  auto add = [&](const std::string& name, std::string_view help, MetricType type, auto of) {
    add_of_destinations(out, exchange, name, help, type, of);
  };
  auto load = [&](const std::string& name, std::string_view help, MetricType type, auto member) {
    add(name, help, type, [&](const State& s, const Destination&) { return (s.*member).load(); });
  };
  load("calls", "Calls at this moment, those in set-up included.", kGauge, &State::calls);
  load("calls_total", "Calls begun.", kCounter, &State::begun);
  load("answered_total", "Calls answered with 2xx.", kCounter, &State::answered);
  load("failed_total", "Branches that failed: 5xx, 6xx, silence, unreachable.", kCounter,
       &State::failed);
  load("breaker_opened_total", "Times that the breaker opened.", kCounter, &State::opened);
  load("post_dial_delay_seconds_count", "Calls that rang or were answered.", kCounter,
       &State::rang);
  add("post_dial_delay_seconds_sum", "All their delays until then.", kCounter,
      [](const State& s, const Destination&) {
        return static_cast<double>(s.post_dial_us.load()) * kUs;
      });
  add("answer_seizure_ratio", "Calls answered, of those begun.", kGauge,
      [](const State& s, const Destination&) { return ratio(s.answered, s.begun); });
  add("latency_seconds", "First responses of late, smoothed.", kGauge,
      [](const State& s, const Destination&) {
        return static_cast<double>(s.latency.lately_us.value()) * kUs;
      });
  add("capacity", "Calls at a time that it may have; 0: any number.", kGauge,
      [](const State&, const Destination& d) { return d.capacity; });
  add("weight", "Its share of new calls.", kGauge,
      [](const State&, const Destination& d) { return d.weight; });
  add("up", "Whether it gets calls.", kGauge, [&](const State& s, const Destination&) {
    return health::condition_of(s, now_ms) <= health::Condition::kProbing ? 1 : 0;
  });
  auto& states = out.family("destination_state", "1 for the state that it is in.", kGauge);
  for_each_destination(exchange, [&](Labels labels, const auto&, const auto& state) {
    labels.push_back({"state", std::string(word(health::condition_of(state, now_ms)))});
    out.counter(states, labels, 1);
  });
}

void add_changes(Families& out, const link::Exchange& exchange, const health::Watch& watch) {
  auto& changes = out.family("destination_state_changes_total",
                             "Times that it has come to be in a state.", MetricType::Counter);
  for_each_destination(exchange, [&](Labels labels, const auto& one, const auto&) {
    labels.push_back({"state", {}});
    for (size_t i = 0; i < static_cast<size_t>(health::Condition::kCount); ++i) {
      auto condition = static_cast<health::Condition>(i);
      labels.back().value = health::word(condition);
      out.counter(changes, labels, static_cast<double>(watch.became(one.slot, condition)));
    }
  });
}

void add_answers(Families& out, const link::Exchange& exchange) {
  auto& answers = out.family("destination_responses_total",
                             "Responses that it has given to what was open.", MetricType::Counter);
  for_each_destination(exchange, [&](Labels labels, const auto&, const auto& state) {
    labels.push_back({"code", {}});
    for (size_t place = 0; place < link::kCodePlaces; ++place) {
      uint64_t count = state.responses[place];
      if (count == 0) continue;
      labels.back().value = link::code_name(place);
      out.counter(answers, labels, static_cast<double>(count));
    }
  });
}

void add_groups(Families& out, const link::Exchange& exchange) {
  auto& calls = out.family("group_calls", "Calls at this moment.", MetricType::Gauge);
  auto& capacity = out.family("group_capacity", "Calls at a time that a group may have; 0: any.",
                              MetricType::Gauge);
  for (const link::Group& group : exchange.config.read()->groups) {
    uint64_t up = 0;
    for (const auto& one : group.destinations) up += exchange.destinations.at(one.slot).calls;
    out.counter(calls, {{"group", group.name}}, static_cast<double>(up));
    out.counter(capacity, {{"group", group.name}}, group.limit.capacity);
  }
}

void add_rules(Families& out, const link::Exchange& exchange, const config::Live& live) {
  auto& hits =
      out.family("rule_hits_total", "Messages that a rule has matched.", MetricType::Counter);
  const auto& policies = exchange.config.read()->rules.policies;
  for (size_t i = 0; i < policies.size(); ++i) {
    out.counter(hits, {{"rule", live.settings().rules[i].rule.name}},
                static_cast<double>(exchange.total_hits(policies[i].counter)));
  }
}

void add_workers(Families& out, const link::Exchange& exchange, const config::Settings& settings) {
  auto& busy = out.family("worker_busy_seconds_total", "Time that a worker had something to do.",
                          MetricType::Counter);
  for (size_t i = 0; i < exchange.workers; ++i) {
    out.counter(busy, {{"worker", std::to_string(i)}},
                static_cast<double>(exchange.traffic[i]->busy_us.read()) * kUs);
  }
  auto& bursts = out.family("worker_bursts_total", "Turns that found packets, up to so many.",
                            MetricType::Counter);
  for (size_t i = 0; i < exchange.workers; ++i) {
    for (size_t at = 0; at < Traffic::kBursts; ++at) {
      out.counter(bursts,
                  {{"worker", std::to_string(i)}, {"packets", std::to_string(size_t{1} << at)}},
                  static_cast<double>(exchange.traffic[i]->bursts[at].read()));
    }
  }
  struct Row {
    const char* name;
    Tally Traffic::*used;
    uint64_t size;
  };
  uint64_t branches = uint64_t{settings.client_transactions} + settings.retired_transactions;
  const Row tables[] = {
      {"server_transactions", &Traffic::server_transactions, settings.server_transactions},
      {"client_transactions", &Traffic::client_transactions, settings.client_transactions},
      {"branches", &Traffic::branches, branches},
      {"stored_messages", &Traffic::stored_messages, settings.stored_messages},
      {"calls", &Traffic::dialogs, settings.calls},
      {"waiting_packets", &Traffic::waiting_packets, 256}};
  for (bool used : {true, false}) {
    auto& family = used ? out.family("worker_table_entries", "Entries in use.", MetricType::Gauge)
                        : out.family("worker_table_size", "Room for so many.", MetricType::Gauge);
    for (size_t i = 0; i < exchange.workers; ++i) {
      for (const Row& row : tables) {
        uint64_t value = used ? ((*exchange.traffic[i]).*row.used).read() : row.size;
        out.counter(family, {{"worker", std::to_string(i)}, {"table", row.name}},
                    static_cast<double>(value));
      }
    }
  }
}

// Those with the same name are a family, with a label for each.
void add_port_figures(Families& out, const link::Exchange& exchange) {
  std::map<std::string, MetricFamily*> known;
  for (const link::PortFigure& one : exchange.port_figures) {
    std::string name = one.group + "_" + one.what + (one.grows ? "_total" : "");
    MetricFamily*& family = known[name];
    auto type = one.grows ? MetricType::Counter : MetricType::Gauge;
    if (family == nullptr) family = &out.family(name, one.help, type);
    out.counter(*family, {{one.group, one.of}}, static_cast<double>(one.read()));
  }
}

}  // namespace

std::vector<MetricFamily> metrics(const link::Exchange& exchange, const config::Live& live,
                                  const health::Watch& watch, const Clock& clock) {
  Families out;
  out.counter(out.family("build_info", "Version.", MetricType::Gauge), {{"version", kVersion}}, 1);
  out.single("uptime_seconds", "Since the start.", MetricType::Gauge,
             static_cast<double>(clock.uptime_s));
  out.single("bans", "Networks kept out for a time.", MetricType::Gauge,
             static_cast<double>(clock.bans));
  add_counters(out, exchange);
  add_messages(out, exchange);
  add_histogram(out, exchange, "first_response_seconds",
                "First response of a destination to what it was sent.", &Traffic::first_response);
  add_histogram(out, exchange, "post_dial_delay_seconds",
                "From an INVITE to a destination until it rings or answers.",
                &Traffic::post_dial_delay);
  add_histogram(out, exchange, "call_setup_seconds",
                "From an INVITE to a destination until it answers with 2xx.", &Traffic::call_setup);
  add_destinations(out, exchange, clock.now_ms);
  add_changes(out, exchange, watch);
  add_answers(out, exchange);
  add_groups(out, exchange);
  add_rules(out, exchange, live);
  add_workers(out, exchange, live.settings());
  add_port_figures(out, exchange);
  return {std::make_move_iterator(out.all.begin()), std::make_move_iterator(out.all.end())};
}

}  // namespace control::manage
