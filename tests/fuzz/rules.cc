// Any bytes as a datagram into a node whose rules look at every field and change what they can: no
// field of a message says anything about another one, and what is sent on is a message again.
#include "sipcore/proxy/validate.h"
#include "tests/fuzz/input.h"
#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace {

using sipcore::Field;
using sipcore::HeaderChange;
using sipcore::Pattern;
using sipcore::Rule;

constexpr char kForged[] = "forged-by-a-peer";

Rule rule_of(Field::Kind kind, const std::string& header) {
  Rule rule;
  rule.conditions = {{{kind, header},
                      {{0, Pattern::How::kPrefix, false, "a"},
                       {0, Pattern::How::kExact, false, "b"},
                       {0, Pattern::How::kRegex, false, "[^x]*1"},
                       {0, Pattern::How::kRegex, false, "^[0-9]+$"}}}};
  rule.headers = {{HeaderChange::What::kReplace,
                   "X-Rule",
                   {{"<sip:", Field{kind, header}}, {"@h>", std::nullopt}}}};
  return rule;
}

void add_rules(control::link::RunningConfig& config) {
  std::vector<Rule> rules;
  for (int kind = 0; kind <= static_cast<int>(Field::Kind::kHeader); ++kind) {
    rules.push_back(rule_of(static_cast<Field::Kind>(kind), "from"));
  }
  rules.push_back(rule_of(Field::Kind::kHeader, "x-other"));
  // No message has this listen address: a line that somebody forges would.
  Rule forged;
  forged.conditions = {{{Field::Kind::kListen, ""}, {{0, Pattern::How::kPrefix, false, kForged}}}};
  forged.mark = 1;
  forged.verdict = sipcore::Verdict::kDrop;
  rules.push_back(forged);
  Rule contrary = rule_of(Field::Kind::kHeader, "x-other");
  contrary.conditions[0].none = true;
  contrary.hash_by = {{"", Field{Field::Kind::kHeader, "x-other"}}};
  rules.push_back(contrary);
  Rule all;
  all.strip = 1;
  all.prefix = "+";
  rules.push_back(all);
  std::string fault;
  config.rules.policies.resize(1);
  config.rules.request = std::make_shared<const sipcore::RuleSet>(rules, 1, fault);
  config.rules.response = config.rules.request;
  config.groups[0].algorithm = control::link::Algorithm::kHash;
  CHECK(fault.empty());
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static tests::Node node({.limits = {64, 96, 64, 64}, .packets = 512, .poison = false});
  static bool configured = (node.configure(add_rules), true);
  static uint64_t now_ms = 1000;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size > 60000 || !configured || tests::Node::looks_unwritten(bytes)) return 0;
  now_ms += 1000;
  node.settle(now_ms);
  node.deliver({tests::endpoint("198.18.0.10:5070"), tests::endpoint(tests::kListen), bytes});
  auto out = node.poll(now_ms);
  CHECK(node.count(control::link::Count::drop_rule) == 0);
  for (const tests::Datagram& one : out) {
    static sipcore::Message message;
    sipcore::Essentials essentials;
    auto fault = sipcore::validate(message, message.parse(one.bytes), essentials);
    // What may go no further is a message all the same.
    bool good = fault == sipcore::Fault::kNone || fault == sipcore::Fault::kTooManyHops;
    CHECK(good || message.status() != 0);
  }
  return 0;
}
