// What does one message cost, step by step? Parse and index, check, rewrite, tokens.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>

#include "sipcore/build/token.h"
#include "sipcore/proxy/forward.h"
#include "sipcore/proxy/validate.h"

namespace {

using namespace sipcore;

constexpr HashKey kKey{1, 2};

const char kInvite[] =
    "INVITE sip:bob@198.18.0.1 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bK776asdhds;rport\r\n"
    "Max-Forwards: 70\r\n"
    "From: \"Alice\" <sip:alice@198.18.0.10>;tag=1928301774\r\n"
    "To: <sip:bob@198.18.0.1>\r\n"
    "Call-ID: a84b4c76e66710@198.18.0.10\r\n"
    "CSeq: 314159 INVITE\r\n"
    "Contact: <sip:alice@198.18.0.10:5060>\r\n"
    "User-Agent: a telephone\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: 180\r\n\r\n"
    "v=0\r\no=- 3344 3344 IN IP4 198.18.0.10\r\ns=-\r\nc=IN IP4 198.18.0.10\r\nt=0 0\r\n"
    "m=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=sendrecv\r\n";

const char kRegister[] =
    "REGISTER sip:example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bKnashds7\r\n"
    "Max-Forwards: 70\r\n"
    "To: Bob <sip:bob@example.com>\r\n"
    "From: Bob <sip:bob@example.com>;tag=456248\r\n"
    "Call-ID: 843817637684230@998sdasdh09\r\n"
    "CSeq: 1826 REGISTER\r\n"
    "Contact: <sip:bob@198.18.0.10>\r\n"
    "Expires: 7200\r\n"
    "Content-Length: 0\r\n\r\n";

const char kOk[] =
    "SIP/2.0 200 OK\r\n"
    "Via: SIP/2.0/UDP 198.18.0.1:5060;branch=z9hG4bKt00000000010000000100000000000000000000000000"
    "000000\r\n"
    "Via: SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bK776asdhds\r\n"
    "From: \"Alice\" <sip:alice@198.18.0.10>;tag=1928301774\r\n"
    "To: <sip:bob@198.18.0.1>;tag=a6c85cf\r\n"
    "Call-ID: a84b4c76e66710@198.18.0.10\r\n"
    "CSeq: 314159 INVITE\r\n"
    "Contact: <sip:bob@198.18.0.21>\r\n"
    "Content-Length: 0\r\n\r\n";

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

BENCHMARK_CAPTURE(parse, invite, kInvite);
BENCHMARK_CAPTURE(parse, register, kRegister);
BENCHMARK_CAPTURE(parse, ok, kOk);
BENCHMARK_CAPTURE(parse_and_check, invite, kInvite);
BENCHMARK_CAPTURE(parse_and_check, ok, kOk);
BENCHMARK(rewrite);
BENCHMARK(make_branch);
BENCHMARK(check_branch);

}  // namespace

BENCHMARK_MAIN();
