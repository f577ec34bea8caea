// The [[rule]] tables of the configuration file.
#pragma once

#include "control/config/reader.h"
#include "control/config/settings.h"

namespace control::config {

void read_rules(Reader& reader, const toml::table& root, Settings& out);

}  // namespace control::config
