// The [management] section of the configuration file, and the token that it names.
#pragma once

#include "control/config/reader.h"
#include "control/config/settings.h"

namespace control::config {

void read_management(Reader& reader, const toml::table& root, ManagementSettings& out);

}  // namespace control::config
