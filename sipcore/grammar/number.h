// Decimal numbers with an explicit bound: a value above it is refused, never wrapped.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sipcore/grammar/chars.h"

namespace sipcore {

constexpr std::optional<uint32_t> parse_number(std::string_view digits, uint32_t most) {
  if (digits.empty()) return std::nullopt;
  uint64_t value = 0;
  for (char c : digits) {
    if (!is(c, kDigitChar)) return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
    if (value > most) return std::nullopt;
  }
  return static_cast<uint32_t>(value);
}

}  // namespace sipcore
