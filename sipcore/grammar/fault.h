// Everything that can be wrong with a message, and what a proxy answers to it. A fault is a value:
// nothing here throws. Status 0 means that there is no answer, the message is dropped and counted.
#pragma once

#include <cstdint>
#include <string_view>

namespace sipcore {

// clang-format off
//      name               status  reason phrase of the answer
#define SIPCORE_FAULTS(X)                                              \
  X(kNone,                 0, "")                                      \
  X(kKeepalive,            0, "keepalive")                             \
  X(kNotSip,               0, "not SIP")                               \
  X(kNoVia,                0, "no usable Via")                         \
  X(kBadStatusLine,        0, "bad status line")                       \
  X(kBadResponse,          0, "malformed response")                    \
  X(kMalformedAck,         0, "malformed ACK")                         \
  X(kLoneLineBreak,      400, "Bad Request: lone CR or LF")            \
  X(kNoEmptyLine,        400, "Bad Request: header section does not end") \
  X(kTooManyHeaders,     513, "Message Too Large: too many header fields") \
  X(kTooManyValues,      513, "Message Too Large: too many values in a header field") \
  X(kBadRequestLine,     400, "Bad Request: request line")             \
  X(kBadHeaderLine,      400, "Bad Request: header line without a name") \
  X(kBadVersion,         505, "Version Not Supported")                 \
  X(kBadRequestUri,      400, "Bad Request: Request-URI")              \
  X(kUnknownScheme,      416, "Unsupported URI Scheme")                \
  X(kRepeatedHeader,     400, "Bad Request: header field given twice") \
  X(kBadVia,             400, "Bad Request: Via")                      \
  X(kNoCallId,           400, "Bad Request: missing Call-ID")          \
  X(kBadCallId,          400, "Bad Request: Call-ID")                  \
  X(kNoFrom,             400, "Bad Request: missing From")             \
  X(kBadFrom,            400, "Bad Request: From")                     \
  X(kNoTo,               400, "Bad Request: missing To")               \
  X(kBadTo,              400, "Bad Request: To")                       \
  X(kNoCSeq,             400, "Bad Request: missing CSeq")             \
  X(kBadCSeq,            400, "Bad Request: CSeq")                     \
  X(kMethodMismatch,     400, "Bad Request: CSeq method differs")      \
  X(kBadMaxForwards,     400, "Bad Request: Max-Forwards")             \
  X(kBadContentLength,   400, "Bad Request: Content-Length")           \
  X(kBadRoute,           400, "Bad Request: Route")                    \
  X(kTooManyHops,        483, "Too Many Hops")                         \
  X(kLoop,               482, "Loop Detected")                         \
  X(kBadExtension,       420, "Bad Extension")                         \
  X(kBadToken,           403, "Forbidden: Route token")
// clang-format on

enum class Fault : uint8_t {
#define X(name, status, phrase) name,
  SIPCORE_FAULTS(X)
#undef X
      kCount
};

int status_of(Fault fault);
std::string_view phrase_of(Fault fault);

}  // namespace sipcore
