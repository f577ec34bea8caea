// ACK for a final response that is not 2xx (RFC 3261 17.1.1.3) and CANCEL (9.1), both made from the
// INVITE as it was sent, on the same hop and with the same topmost Via.
#pragma once

#include <span>
#include <string_view>

#include "sipcore/proxy/validate.h"

namespace sipcore {

// `sent` is the INVITE as it left us. `to` is the To value of the response. 0: does not fit.
size_t build_ack(const Message& sent, const Essentials& essentials, std::string_view to,
                 std::span<char> out);
size_t build_cancel(const Message& sent, const Essentials& essentials, std::span<char> out);

}  // namespace sipcore
