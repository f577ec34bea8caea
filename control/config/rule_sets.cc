#include "control/config/rule_sets.h"

#include <algorithm>

#include "control/link/counters.h"

namespace control::config {

// Names that come and go for so long that no counter is left share the last one.
uint16_t RuleSets::counter_of(const std::string& name) {
  size_t next = std::min(counters_.size(), link::RuleHits::kMost - 1);
  return counters_.try_emplace(name, static_cast<uint16_t>(next)).first->second;
}

std::string RuleSets::name_of(uint16_t counter) const {
  for (const auto& [name, number] : counters_) {
    if (number == counter) return name;
  }
  return {};
}

std::string RuleSets::compile(std::vector<sipcore::Rule> rules, Set& kept, Set& out) const {
  if (rules.empty()) return {};
  if (kept == nullptr || kept->rules() != rules) {
    std::string fault;
    auto made = std::make_shared<const sipcore::RuleSet>(std::move(rules), readers_, fault);
    if (!fault.empty()) return "rules: " + fault;
    kept = std::move(made);
  }
  out = kept;
  return {};
}

std::string RuleSets::fault_of(const Settings& settings) {
  link::Destinations states(settings.rules.size());
  Slots slots(states);
  link::Rules rules;
  return build(settings, slots, rules);
}

std::string RuleSets::build(const Settings& settings, Slots& slots, link::Rules& out) {
  std::vector<sipcore::Rule> request, response, failure;
  for (const RuleSettings& one : settings.rules) {
    link::Rules::Policy policy{counter_of(one.rule.name), one.limit, static_cast<int>(one.refusal)};
    if (policy.limit.any() && !slots.take_limit("rule " + one.rule.name, policy.limit)) {
      return kNoSlots;
    }
    sipcore::Rule rule = one.rule;
    rule.number = static_cast<uint16_t>(out.policies.size());
    rule.group = group_index(settings, one.group);
    auto& place = one.on == RuleSettings::On::kRequest    ? request
                  : one.on == RuleSettings::On::kResponse ? response
                                                          : failure;
    place.push_back(std::move(rule));
    out.policies.push_back(std::move(policy));
  }
  for (auto [rules, kept, made] : {std::tuple(&request, &request_, &out.request),
                                   std::tuple(&response, &response_, &out.response),
                                   std::tuple(&failure, &failure_, &out.failure)}) {
    if (auto fault = compile(std::move(*rules), *kept, *made); !fault.empty()) return fault;
  }
  return {};
}

}  // namespace control::config
