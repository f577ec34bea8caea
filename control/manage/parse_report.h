// What the proxy makes of the bytes of one datagram, before routing, as one JSON document. Bytes
// that are not UTF-8 are shown as the character of that number, so that nothing is lost.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace control::manage {

std::string parse_report(std::string_view datagram);

std::string visible(std::string_view bytes);
// The way back; nullopt: it holds characters that stand for no byte.
std::optional<std::string> bytes_of(std::string_view visible);

}  // namespace control::manage
