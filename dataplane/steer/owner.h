// Which worker owns a datagram's call: the branch token of a response names it, for everything else
// the keyed hash of the Call-ID decides. Only the Call-ID line is looked for; the message is parsed
// by the owner.
#pragma once

#include <string_view>

#include "sipcore/grammar/chars.h"
#include "sipcore/grammar/find_field.h"
#include "sipcore/hash/siphash.h"

namespace dataplane {

// Empty: there is none. Agrees with the parser on every message that the parser accepts.
inline std::string_view find_call_id(std::string_view datagram) {
  auto rest = sipcore::find_field(datagram, sipcore::kCallIdName);
  return sipcore::trim(sipcore::whole_value(rest));
}

inline size_t owner_of_call(std::string_view call_id, const sipcore::HashKey& key, size_t workers) {
  return sipcore::siphash(key, call_id) % workers;
}

}  // namespace dataplane
