// Parameters behind a value: ";name", ";name=value", ";name="quoted"" (generic-param, RFC 3261
// 25.1), white space allowed around ";" and "=".
#pragma once

#include <string_view>

#include "sipcore/grammar/cursor.h"

namespace sipcore {

struct Param {
  std::string_view name;
  std::string_view value;  // quotes kept; empty where there is none
  bool has_value = false;
};

// Takes one parameter; the cursor stands before optional LWS and ";". False: no ";" follows, or
// what follows is no parameter, which `broken` then tells.
bool take_param(Cursor& cursor, Param& param, bool& broken);

}  // namespace sipcore
