// Our own mistakes end the process with a sentence; nothing that a peer sends may reach a CHECK.
#pragma once

namespace sipcore {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace sipcore

#define CHECK(condition)                                     \
  do {                                                       \
    if (!(condition)) [[unlikely]]                           \
      sipcore::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
