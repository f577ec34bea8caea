// The other side of the management socket.
#pragma once

#include <functional>
#include <string>

#include "control/manage/rpc.h"

namespace control::manage {

// One request; each line that comes back goes to `take`, until that gives false. Throws a sentence
// (std::runtime_error) when nobody answers, or no more.
void ask(const std::string& socket_path, const std::string& method, const Json& params,
         const std::function<bool(const Json& line)>& take);

// One request, one reply. Throws a sentence (std::runtime_error) when nobody answers.
Json ask(const std::string& socket_path, const std::string& method, const Json& params);

}  // namespace control::manage
