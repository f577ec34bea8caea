// The [protect] section of the configuration file, and the list of denied networks that it names.
#pragma once

#include "control/config/reader.h"
#include "control/config/settings.h"

namespace control::config {

// A list of addresses and networks.
void read_networks(Reader& reader, const toml::table& table, std::string_view key,
                   std::vector<link::Network>& out);
// Complains of the first destination that is in one of them: `what` it cannot be at the same time.
void check_no_destination(Reader& reader, const toml::table& table, std::string_view key,
                          std::span<const link::Network> networks, const Settings& settings,
                          std::string_view what);

void read_protect(Reader& reader, const toml::table& root, Settings& out);

}  // namespace control::config
