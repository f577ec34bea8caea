// Looking up what has a name: groups of the configuration and of the snapshot alike.
#pragma once

#include <algorithm>
#include <string_view>

namespace control::link {

// The first one of that name, or nullptr.
template <class Range>
auto* find_named(Range& range, std::string_view name) {
  auto at = std::find_if(range.begin(), range.end(),
                         [&](const auto& one) { return std::string_view(one.name) == name; });
  return at == range.end() ? nullptr : &*at;
}

}  // namespace control::link
