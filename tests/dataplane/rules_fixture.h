// A node with rules in the path of its calls.
#pragma once

#include "sipcore/rules/rule_set.h"
#include "tests/dataplane/balance_fixture.h"

namespace tests {

using control::link::Count;
using control::link::RunningConfig;
using sipcore::Field;
using sipcore::HeaderChange;
using sipcore::HeaderName;
using sipcore::Pattern;
using sipcore::Rule;
using sipcore::Verdict;
using Kind = Field::Kind;

inline constexpr uint16_t kLimitSlot = 100;

inline Rule rule_for(Kind kind, const std::string& prefix) {
  Rule rule;
  if (prefix.empty()) return rule;
  rule.conditions = {{{kind, ""}, {{0, Pattern::How::kPrefix, false, prefix}}}};
  return rule;
}

inline Rule sends_to(uint16_t group, Kind kind, const std::string& prefix) {
  Rule rule = rule_for(kind, prefix);
  rule.verdict = Verdict::kGroup;
  rule.group = group;
  return rule;
}

inline Rule rejects_with(int status, Kind kind, const std::string& prefix) {
  Rule rule = rule_for(kind, prefix);
  rule.verdict = Verdict::kReject;
  rule.status = status;
  return rule;
}

class RuleTest : public BalanceTest {
 protected:
  // Group 0 has backend 0, group 1 the others.
  void use(std::vector<Rule> request, std::vector<Rule> response = {},
           std::vector<Rule> failure = {}, control::link::CallLimit limit = {}) {
    node.configure([&](RunningConfig& config) {
      Group behind = config.groups[0];
      behind.name = "behind";
      behind.destinations.erase(behind.destinations.begin());
      config.groups[0].destinations.resize(1);
      config.groups.push_back(behind);
      config.rules.policies = {{0, limit, 480}};
      config.rules.request = compiled(request);
      config.rules.response = compiled(response);
      config.rules.failure = compiled(failure);
    });
  }
  // What that address sends begins with that mark; all else stays.
  void mark_source(uint64_t mark, const sipcore::IpAddress& ip) {
    auto groups = node.config().groups;
    auto rules = node.config().rules;
    node.configure([&](RunningConfig& config) {
      std::vector<control::link::Network> source = {control::link::network_of(ip)};
      config.groups = groups;
      config.rules = rules;
      config.rules.origins = {
          {mark, std::make_shared<control::link::Networks>(source, config.keys.token)}};
    });
  }
  std::shared_ptr<const sipcore::RuleSet> compiled(std::vector<Rule> rules) {
    if (rules.empty()) return nullptr;
    std::string fault;
    auto out = std::make_shared<const sipcore::RuleSet>(rules, 1, fault);
    EXPECT_EQ(fault, "");
    return out;
  }
  RequestText to_user(const std::string& user, int call = 1) {
    RequestText out = request(call);
    out.uri = "sip:" + user + "@198.18.0.1";
    return out;
  }
  // Of the one answer that a request of the caller gets; 0: it gets none, or several.
  int only_status(const std::string& text) {
    auto out = from_caller(text);
    return out.size() == 1 ? status_of(out[0].bytes) : 0;
  }
  uint32_t limited() { return node.destination(kLimitSlot).calls; }
};

}  // namespace tests
