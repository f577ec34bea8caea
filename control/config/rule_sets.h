// From the rules of the settings to those that the workers read. Control thread only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/config/settings.h"
#include "control/config/slots.h"

namespace control::config {

class RuleSets {
 public:
  // `readers`: threads that match rules.
  explicit RuleSets(size_t readers) : readers_(readers) {}

  // Groups are numbered as the settings have them. Sets that have not changed are the same ones
  // as before, since compiling takes long. A sentence; empty: done.
  std::string build(const Settings& settings, Slots& slots, link::Rules& out);

  // What is wrong with all rules together, without a configuration; empty: nothing.
  std::string fault_of(const Settings& settings);

  // The name of the rule that a counter belongs to.
  std::string name_of(uint16_t counter) const;

 private:
  using Set = std::shared_ptr<const sipcore::RuleSet>;
  uint16_t counter_of(const std::string& name);
  std::string compile(std::vector<sipcore::Rule> rules, Set& kept, Set& out) const;

  size_t readers_;
  std::map<std::string, uint16_t> counters_;  // by name; stay over reloads
  Set request_, response_, failure_;          // compiled last
};

}  // namespace control::config
