// The other side of the management socket.
#pragma once

#include <string>

#include "control/manage/rpc.h"

namespace control::manage {

// One request, one reply. Throws a sentence (std::runtime_error) when nobody answers.
Json ask(const std::string& socket_path, const std::string& method, const Json& params);

}  // namespace control::manage
