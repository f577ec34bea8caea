// Tells the XDP program of an interface which addresses are Tandem's.
#pragma once

#include <span>
#include <string>

#include "sipcore/grammar/ip.h"

namespace dataplane {

// Fills the map of the program that the af_xdp port has attached. Start and stop only. The returned
// sentence says what failed; empty: done.
std::string set_xdp_listens(const std::string& interface,
                            std::span<const sipcore::Endpoint> listens);

}  // namespace dataplane
