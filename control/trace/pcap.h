// Messages as a capture file that Wireshark and sngrep read: each in an IP and a UDP header made
// for it (LINKTYPE_RAW).
#pragma once

#include <string>

#include "sipcore/grammar/ip.h"

namespace control::trace {

std::string pcap_head();
std::string pcap_packet(uint64_t date_us, const sipcore::Endpoint& from,
                        const sipcore::Endpoint& to, std::string_view payload);

}  // namespace control::trace
