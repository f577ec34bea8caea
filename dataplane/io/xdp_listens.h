// Tells the XDP program of an interface which addresses are Tandem's.
#pragma once

#include <span>
#include <string>

#include "sipcore/grammar/ip.h"

namespace dataplane {

// A process that was killed leaves its XDP program on the interface, where no other can then be
// attached: takes it off if it is one of ours. Nobody else may hold the interface.
void remove_left_program(const std::string& interface);

// Fills the map of the program that the af_xdp port has attached. Start and stop only. The returned
// sentence says what failed; empty: done.
std::string set_xdp_listens(const std::string& interface,
                            std::span<const sipcore::Endpoint> listens);

}  // namespace dataplane
