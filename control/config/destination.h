// What a destination may be, whether it comes from the file or from management.
#pragma once

#include "control/config/settings.h"

namespace control::config {

// Fills in the endpoint from the URI. A sentence where the URI is not one that Tandem can send to.
std::string read_destination_uri(DestinationSettings& destination);
// A sentence where the destination does not fit into the group or beside the listens.
std::string misfit(const DestinationSettings& destination, const GroupSettings& group,
                   const Settings& settings);

}  // namespace control::config
