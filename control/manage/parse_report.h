// What the proxy makes of the bytes of one datagram, before routing, as one JSON document. Bytes
// that are not UTF-8 are shown as the character of that number, so that nothing is lost.
#pragma once

#include <string>
#include <string_view>

namespace control::manage {

std::string parse_report(std::string_view datagram);

}  // namespace control::manage
