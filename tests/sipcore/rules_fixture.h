// A message and rules for it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "sipcore/proxy/validate.h"
#include "sipcore/rules/rule.h"
#include "tests/simulation/messages.h"

namespace tests {

inline std::string to(const std::string& uri) {
  RequestText request;
  request.uri = uri;
  return text_of(request);
}

class RulesFixture : public testing::Test {
 protected:
  void add(std::vector<sipcore::Condition> conditions) {
    sipcore::Rule rule;
    rule.name = std::to_string(rules.size());
    rule.conditions = std::move(conditions);
    rules.push_back(rule);
  }
  void read(const std::string& bytes) {
    essentials.clear();
    EXPECT_EQ(sipcore::validate(message, message.parse(bytes), essentials), sipcore::Fault::kNone);
  }

  std::vector<sipcore::Rule> rules;
  sipcore::Message message;
  sipcore::Essentials essentials;
};

}  // namespace tests
