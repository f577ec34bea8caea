// Whom a new request can go to as things stand: the destinations of its group, and of those behind
// it as far as they matter, each with its chance or with why it has none.
#pragma once

#include "control/link/exchange.h"
#include "control/manage/rpc.h"
#include "sipcore/rules/field.h"

namespace control::manage {

struct Wanted {
  const sipcore::Subject& subject;
  uint16_t group = 0;                  // where rules have sent it
  uint64_t hash = 0;                   // that a rule made; 0: none
  uint64_t now_us = 0;                 // of the workers' clock
  const link::Group* asked = nullptr;  // whose destinations were asked before; nullptr: none
};

struct Prospects {
  // {"group", "uri", "state", "chance"}: per cent of such requests, with "note" for what takes from
  // it; or "not_asked" instead: why not.
  Json destinations = Json::array();
  const link::Group* group = nullptr;  // that it goes to; nullptr: nobody is left
};

Prospects prospects(const Wanted& wanted, link::Exchange& exchange);

}  // namespace control::manage
