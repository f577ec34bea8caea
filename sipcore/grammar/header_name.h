// Header names a proxy has to tell apart, with their compact forms (RFC 3261 7.3.3 and 20, IANA).
// Every other header is kOther and travels unread.
#pragma once

#include <cstdint>
#include <string_view>

namespace sipcore {

enum class HeaderName : uint8_t {
  kOther,
  kAuthorization,
  kCallId,
  kContact,
  kContentEncoding,
  kContentLength,
  kContentType,
  kCSeq,
  kEvent,
  kExpires,
  kFrom,
  kMaxForwards,
  kMinExpires,
  kPath,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyRequire,
  kRAck,
  kReason,
  kRecordRoute,
  kReferTo,
  kReferredBy,
  kRequire,
  kRetryAfter,
  kRoute,
  kSessionExpires,
  kSubject,
  kSupported,
  kTimestamp,
  kTo,
  kUserAgent,
  kVia,
  kWwwAuthenticate,
  kCount
};

inline constexpr size_t kHeaderNames = static_cast<size_t>(HeaderName::kCount);

// Case does not matter; a compact form gives the same name as the long one. `text` holds no CR;
// `readable` bytes from its begin on are ours to read, which may be more than its own.
HeaderName header_name(std::string_view text, size_t readable);
inline HeaderName header_name(std::string_view text) { return header_name(text, text.size()); }

// The long spelling, as we write it; empty for kOther.
std::string_view spelling(HeaderName name);

// True where a second value makes the message ambiguous, so that it is refused (RFC 3261 7.3.1).
bool single_valued(HeaderName name);

}  // namespace sipcore
