// Results of management methods as text for people.
#pragma once

#include <string>
#include <string_view>

#include "control/manage/rpc.h"

namespace control::manage {

// A table where the method has one, else indented JSON.
std::string table_of(std::string_view method, const Json& result);

}  // namespace control::manage
