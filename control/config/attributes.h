// Attributes of a destination as Kamailio writes them: "weight=5;maxload=100;carrier".
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace control::config {

// Calls take(key, value, whole) for each of them; without a '=' the value is empty.
template <class Take>
void each_attribute(std::string_view text, Take take) {
  while (!text.empty()) {
    std::string_view one = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    size_t equal = std::min(one.find('='), one.size());
    if (one.empty()) continue;
    take(one.substr(0, equal), one.substr(std::min(equal + 1, one.size())), one);
  }
}

// Those that mean nothing here are kept as text.
inline void append_attribute(std::string& all, std::string_view attribute) {
  if (!all.empty()) all += ';';
  all += attribute;
}

}  // namespace control::config
