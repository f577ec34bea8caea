// Messages that somebody wants to see: control says which, workers copy them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sipcore/grammar/ip.h"

namespace control::link {

struct TraceFilter {
  enum class What : uint8_t {
    kAll,
    kCallId,
    kUser,  // of any URI in the header, and all of the calls in which it was seen
  };
  What what = What::kAll;
  std::string text;
  std::vector<std::string> calls;  // Call-IDs, as far as control knows them
  uint64_t number = 0;             // another one for each trace
};

struct Traced {
  static constexpr size_t kMost = 4096;  // bytes of a message that are kept

  uint64_t at_us = 0;  // of the workers' clock
  sipcore::Endpoint from, to;
  uint32_t size = 0;  // of the whole message
  std::array<char, kMost> bytes;
};

}  // namespace control::link
