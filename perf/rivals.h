// What a user would parse SIP with instead: the three libraries of Debian, each called in the way
// its manual shows, on the same bytes. True: the library took the message.
#pragma once

#include <string_view>

namespace perf {

bool parse_with_osip2(std::string_view message);
bool parse_with_sofia(std::string_view message);
bool parse_with_re(std::string_view message);

}  // namespace perf
