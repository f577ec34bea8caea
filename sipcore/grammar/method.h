// Request methods. Unknown ones are legal everywhere (RFC 3261 8.2.1) and are kExtension.
#pragma once

#include <cstdint>
#include <iterator>
#include <string_view>

namespace sipcore {

enum class Method : uint8_t {
  kInvite,
  kAck,
  kCancel,
  kBye,
  kOptions,
  kRegister,
  kInfo,
  kUpdate,
  kPrack,
  kMessage,
  kSubscribe,
  kNotify,
  kRefer,
  kPublish,
  kExtension,
  kCount
};

// By Method; kExtension has none.
inline constexpr std::string_view kMethodNames[] = {
    "INVITE", "ACK",   "CANCEL",  "BYE",       "OPTIONS", "REGISTER", "INFO",
    "UPDATE", "PRACK", "MESSAGE", "SUBSCRIBE", "NOTIFY",  "REFER",    "PUBLISH"};
static_assert(std::size(kMethodNames) == static_cast<size_t>(Method::kExtension));

// Methods are case-sensitive (RFC 3261 7.1).
constexpr Method method_of(std::string_view text) {
  for (size_t i = 0; i < std::size(kMethodNames); ++i) {
    if (text == kMethodNames[i]) return static_cast<Method>(i);
  }
  return Method::kExtension;
}

}  // namespace sipcore
