// The key of the tokens in our Record-Route, kept in the state directory: calls that a former
// process set up find their way after a restart. Control thread, at start.
#pragma once

#include <string>
#include <variant>

#include "sipcore/hash/siphash.h"

namespace control::store {

// From the kernel's random numbers.
sipcore::HashKey random_key();

// Reads `directory`/token.key, 32 hexadecimal digits of ours that nobody else may read; makes
// directory and file where they are missing. Several processes that start at once get the same key.
// Else a sentence that says what is wrong and what would help; a key is never replaced.
std::variant<sipcore::HashKey, std::string> load_token_key(const std::string& directory);

}  // namespace control::store
