// The [[group]] tables of the configuration file.
#pragma once

#include "control/config/reader.h"
#include "control/config/settings.h"

namespace control::config {

// Fills in the endpoint from the URI. A sentence where the URI is not one that Tandem can send to.
std::string read_destination_uri(DestinationSettings& destination);
// A sentence where the destination does not fit into the group or beside the listens.
std::string misfit(const DestinationSettings& destination, const GroupSettings& group,
                   const Settings& settings);

void read_groups(Reader& reader, const toml::table& root, Settings& out);

}  // namespace control::config
