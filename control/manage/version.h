// What management says of itself; meson.build has it from the project.
#pragma once

namespace control::manage {

inline constexpr const char* kVersion = TANDEM_VERSION;

}  // namespace control::manage
