// What does one message cost, step by step? Parse and index, check, rewrite, tokens. Beside it,
// what the libraries of Debian take for the same bytes.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>

#include "perf/corpus.h"
#include "perf/rivals.h"
#include "sipcore/build/token.h"
#include "sipcore/proxy/forward.h"
#include "sipcore/proxy/validate.h"

namespace {

using namespace sipcore;

using perf::kInvite;
using perf::kOk;
using perf::kRegister;

constexpr HashKey kKey{1, 2};

void parse(benchmark::State& state, const char* text) {
  static Message message;
  std::string_view bytes(text);
  for (auto _ : state) benchmark::DoNotOptimize(message.parse(bytes));
  state.counters["bytes"] = static_cast<double>(bytes.size());
}

void parse_and_check(benchmark::State& state, const char* text) {
  static Message message;
  std::string_view bytes(text);
  for (auto _ : state) {
    Essentials essentials;
    benchmark::DoNotOptimize(validate(message, message.parse(bytes), essentials));
  }
}

void rival(benchmark::State& state, bool (*parse_with)(std::string_view), const char* text) {
  std::string_view bytes(text);
  if (!parse_with(bytes)) state.SkipWithError("the library refuses the message");
  for (auto _ : state) benchmark::DoNotOptimize(parse_with(bytes));
}

// The edits of a forwarded INVITE and their application to a copy.
void rewrite(benchmark::State& state) {
  static Message message;
  static ForwardScratch scratch;
  static std::array<char, 4096> out;
  Essentials essentials;
  validate(message, message.parse(kInvite), essentials);
  const Endpoint own = *parse_endpoint("198.18.0.1:5060", 0);
  char token[kRouteTokenMost], branch[kBranchSize];
  for (auto _ : state) {
    RoutePlan plan = plan_route(message, essentials, {{&own, 1}}, kKey);
    Hop hop;
    hop.branch = write_branch(kKey, {0, 1, 2, 3}, branch);
    hop.sent_by = own;
    hop.source = *parse_endpoint("198.18.0.10:5060", 0);
    hop.record_routes = {&own, 1};
    hop.route_token = write_route_token(kKey, {own, 1}, essentials.call_id, token);
    EditList edits;
    forward_request(message, essentials, plan, hop, scratch, edits);
    benchmark::DoNotOptimize(apply_copy(edits, message.bytes(), out));
  }
}

void make_branch(benchmark::State& state) {
  char text[kBranchSize];
  for (auto _ : state) benchmark::DoNotOptimize(write_branch(kKey, {0, 1, 2, 3}, text));
}

void check_branch(benchmark::State& state) {
  char text[kBranchSize];
  std::string_view branch = write_branch(kKey, {0, 1, 2, 3}, text);
  BranchToken token;
  for (auto _ : state) benchmark::DoNotOptimize(read_branch(kKey, branch, token));
}

#define PARSERS(name, text)                                             \
  BENCHMARK_CAPTURE(parse, name, text);                                 \
  BENCHMARK_CAPTURE(parse_and_check, name, text);                       \
  BENCHMARK_CAPTURE(rival, name##_osip2, perf::parse_with_osip2, text); \
  BENCHMARK_CAPTURE(rival, name##_sofia, perf::parse_with_sofia, text); \
  BENCHMARK_CAPTURE(rival, name##_re, perf::parse_with_re, text)

PARSERS(invite, kInvite);
PARSERS(register, kRegister);
PARSERS(ok, kOk);
BENCHMARK(rewrite);
BENCHMARK(make_branch);
BENCHMARK(check_branch);

}  // namespace

BENCHMARK_MAIN();
