// What a reload may not change, because it is allocated at start.
#pragma once

#include <string>
#include <vector>

#include "control/config/settings.h"

namespace control::config {

// Something wrong with a key of a section, of the `index`th one where it may come several times.
struct Fault {
  std::string section;
  size_t index = 0;
  std::string key;
  std::string text;
};

std::vector<Fault> needs_restart(const Settings& running, const Settings& wanted);

// "file:line:column: text", at the key or, where it is absent, at its section.
std::string line_of(const Fault& fault, const std::string& path);

}  // namespace control::config
