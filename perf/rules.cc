// What rules cost a request: cycles to find those that match, with ever more rules of the kinds
// that operators write: customers by their networks, numbers by their prefix, hosts, expressions
// over From and User-Agent. A message matches two or three of them, however many there are.
#include <x86intrin.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "control/link/networks.h"
#include "sipcore/rules/rule_set.h"
#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace {

using sipcore::Field;
using sipcore::Pattern;
using sipcore::Rule;
using sipcore::RuleSet;
using Kind = Field::Kind;
using How = Pattern::How;

constexpr size_t kMessages = 64;

sipcore::Condition when(Kind kind, How how, const std::string& text,
                        const std::string& header = {}) {
  return {{kind, header}, {{0, how, false, text}}};
}

std::string digits(const char* format, size_t number) {
  char text[64];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

Rule rule_of(size_t number) {
  Rule rule;
  rule.name = std::to_string(number);
  rule.conditions.push_back(when(Kind::kMethod, How::kExact, "INVITE"));
  switch (number % 5) {
    case 0:
      rule.conditions.push_back(when(Kind::kSource, How::kPrefix, digits("4c612%04zx", number)));
      break;
    case 1:
    case 2:
      rule.conditions.push_back(when(Kind::kUser, How::kPrefix, digits("+49%05zu", number * 7)));
      break;
    case 3:
      rule.conditions.push_back(
          when(Kind::kHost, How::kExact, digits("pbx%zu.example.com", number)));
      break;
    default:
      rule.conditions.push_back(
          when(Kind::kFromUri, How::kRegex, digits("^sip:agent%zu[a-z]*@", number)));
      rule.conditions.push_back(when(Kind::kHeader, How::kRegex, "Phone", "user-agent"));
  }
  return rule;
}

// Those that match the rules of each kind in turn.
std::string invite(size_t number) {
  tests::RequestText text;
  size_t rule = number % 10;
  std::string user = digits("+49%05zu0000", rule * 7);
  text.uri = "sip:" + user + "@" + digits("pbx%zu.example.com", rule);
  text.from = "<sip:" + digits("agent%zu", rule) + "@example.com>;tag=1";
  text.headers += "User-Agent: Some Phone 1.2\r\n";
  text.body.assign(200, 'x');
  return text_of(text);
}

void measure(size_t rules, size_t rounds) {
  std::vector<Rule> all;
  for (size_t i = 0; i < rules; ++i) all.push_back(rule_of(i));
  std::string fault;
  auto began = std::chrono::steady_clock::now();
  RuleSet set(all, 1, fault);
  std::chrono::duration<double, std::milli> compiled = std::chrono::steady_clock::now() - began;
  if (!fault.empty()) {
    std::fprintf(stderr, "%s\n", fault.c_str());
    std::exit(1);
  }
  auto work = std::make_unique<sipcore::RuleWork>();
  std::vector<std::string> bytes;
  std::vector<sipcore::Message> messages(kMessages);
  std::vector<sipcore::Essentials> essentials(kMessages);
  for (size_t i = 0; i < kMessages; ++i) bytes.push_back(invite(i));
  for (size_t i = 0; i < kMessages; ++i) {
    sipcore::validate(messages[i], messages[i].parse(bytes[i]), essentials[i]);
  }
  const auto source = tests::endpoint("198.18.0.10:5060"), listen = tests::endpoint(tests::kListen);
  size_t matched = 0;
  uint64_t marks = 0;
  auto round = [&] {
    for (size_t i = 0; i < kMessages; ++i) {
      sipcore::Subject subject{messages[i], essentials[i], source, listen};
      set.match(subject, 0, 0, marks, *work, [&](const Rule&) { return ++matched > 0; });
    }
  };
  round();
  matched = 0;
  uint64_t start = __rdtsc();
  for (size_t i = 0; i < rounds; ++i) round();
  double all_messages = static_cast<double>(rounds * kMessages);
  std::printf("%8zu %14.0f %14.2f %14.1f\n", rules,
              static_cast<double>(__rdtsc() - start) / all_messages,
              static_cast<double>(matched) / all_messages, compiled.count());
}

}  // namespace

int main(int argc, char** argv) {
  size_t rounds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5000;
  std::printf("%8s %14s %14s %14s\n", "rules", "cycles each", "matches each", "compiled, ms");
  for (size_t rules : {10, 100, 1000, 4000}) measure(rules, rounds);
  return 0;
}
