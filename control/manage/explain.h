// What would become of a message: which rules match and why, what they do, which destinations it
// could go to with what chance, and what follows when they fail. Nothing is counted and nothing is
// sent.
#pragma once

#include "control/config/live.h"
#include "control/manage/rpc.h"

namespace control::manage {

struct Question {
  std::string bytes;  // of the datagram
  sipcore::Endpoint source;
  uint16_t listen = 0;  // index of the address it comes to
  int failed_with = 0;  // by all whom it is sent to; 0: not asked
  uint64_t now_us = 0;  // the clock of the workers
};

Json explain(const Question& question, const config::Live& live, link::Exchange& exchange);

// What a rule asks for and what it does, in words.
Json conditions_of(const config::RuleSettings& rule, const config::Settings& settings);
Json actions_of(const config::RuleSettings& rule, const config::Settings& settings);

}  // namespace control::manage
