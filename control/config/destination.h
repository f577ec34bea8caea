// What a destination may be, whether it comes from the file or from management.
#pragma once

#include <algorithm>

#include "control/config/settings.h"

namespace control::config {

// Fills in the endpoint from the URI. A sentence where the URI is not one that Tandem can send to.
std::string read_destination_uri(DestinationSettings& destination);
// Whether that is a [[listen]] address, or what one is known as.
bool is_own(const Settings& settings, const sipcore::Endpoint& endpoint);
// Whether who has it puts a PROXY header before what he sends.
bool is_balancer(const Settings& settings, const sipcore::IpAddress& ip);
// A sentence where the destination does not fit into the group or beside the listens.
std::string misfit(const DestinationSettings& destination, const GroupSettings& group,
                   const Settings& settings);
// A sentence where we are to send there from what is no address of ours, or none that can.
std::string wrong_listen(const DestinationSettings& destination, const Settings& settings);

// The entry of that name among those of its group, or the end.
template <class Destinations>
auto find_entry(Destinations& all, const link::DestinationName& name) {
  return std::find_if(all.begin(), all.end(), [&](const DestinationSettings& one) {
    return one.uri == name.uri && one.listen == name.listen;
  });
}

}  // namespace control::config
