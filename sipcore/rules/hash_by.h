// What a rule wants to be kept together in groups that hash.
#pragma once

#include <span>

#include "sipcore/hash/siphash.h"
#include "sipcore/rules/rule.h"

namespace sipcore {

// The hash of the value that `hash_by` of the rule names, as it is compared; 0: it names none, the
// message has nothing of the kind, or `room` is too small for it.
uint64_t hash_by(const Rule& rule, const Subject& subject, std::span<char> room,
                 const HashKey& key);

}  // namespace sipcore
