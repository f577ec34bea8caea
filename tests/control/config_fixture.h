// The smallest configuration that is one.
#pragma once

#include <gtest/gtest.h>

#include "control/config/settings.h"

namespace control::config {

inline constexpr std::string_view kGood = R"(
[[port]]
device = "af_xdp:eth0"
[[listen]]
address = "192.0.2.1:5060"
[[group]]
name = "g"
[[group.destination]]
uri = "sip:192.0.2.9"
)";

inline Settings good_settings() { return std::get<Settings>(parse(kGood, "f")); }

}  // namespace control::config
