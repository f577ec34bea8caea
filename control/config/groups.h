// The [[group]] tables of the configuration file.
#pragma once

#include "control/config/reader.h"
#include "control/config/settings.h"

namespace control::config {

void read_groups(Reader& reader, const toml::table& root, Settings& out);
// After rules have brought theirs.
void check_groups(Reader& reader, const toml::table& root, const Settings& out);

}  // namespace control::config
