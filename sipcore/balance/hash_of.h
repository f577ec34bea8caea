// What consistent hashing keeps together: the part of a request that decides.
#pragma once

#include <string_view>

#include "sipcore/hash/siphash.h"
#include "sipcore/proxy/validate.h"

namespace sipcore {

enum class HashOf : uint8_t {
  kCallId,
  kFrom,        // user and host of its URI
  kTo,          // the same
  kRequestUri,  // the same
  kAuthUser,    // username of the credentials
  kHeader,      // the value of a header field, by name
};

// A request that lacks the part is hashed by its Call-ID. `header`: name of the field, for kHeader.
uint64_t hash_of(HashOf what, std::string_view header, const Message& request,
                 const Essentials& essentials, const HashKey& key);

// The username of Digest credentials, quotes taken off; empty: there is none (RFC 3261 25.1).
std::string_view username_of(std::string_view credentials);

}  // namespace sipcore
