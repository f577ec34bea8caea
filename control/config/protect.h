// The [protect] section of the configuration file, and the list of denied networks that it names.
#pragma once

#include "control/config/reader.h"
#include "control/config/settings.h"

namespace control::config {

// A list of addresses and networks.
void read_networks(Reader& reader, const toml::table& table, std::string_view key,
                   std::vector<link::Network>& out);

void read_protect(Reader& reader, const toml::table& root, Settings& out);

}  // namespace control::config
