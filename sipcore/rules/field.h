// What a rule can look at, and how it is written down to be matched: every field of a message that
// some rule asks for becomes one line of a text, and all patterns are looked for in that text at
// once.
//
//   \x01 name \n  value  \n \x01 name \n  value  \n ...
//
// A value holds no control character, so that no peer can write a line of his own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sipcore/build/writer.h"
#include "sipcore/grammar/ip.h"
#include "sipcore/proxy/validate.h"

namespace sipcore {

// The message and where it came from; `status` is that of a response, 0 for a request.
struct Subject {
  const Message& message;
  const Essentials& essentials;
  Endpoint source;
  Endpoint listen;  // that it came to
  int status = 0;
};

struct Field {
  enum class Kind : uint8_t {
    kMethod,
    kListen,
    kSource,  // in hexadecimal digits, so that a network is a prefix: see network_prefixes()
    kSourcePort,
    kUser,  // of the Request-URI
    kHost,
    kUri,
    kFromUser,
    kFromHost,
    kFromUri,
    kToUser,
    kToHost,
    kToUri,
    kStatus,
    kHeader,  // all values of it, joined by commas (RFC 3261 7.3.1)
  };
  Kind kind = Kind::kMethod;
  std::string header;  // for kHeader: its name, in small letters, spelled out

  friend bool operator==(const Field&, const Field&) = default;
};

// Host names and tokens are the same in either case, users are not (RFC 3261 19.1.4).
bool any_case(const Field& field);

// Whether that field of the message has this name, in its long or its compact form; `known` is
// header_name(name).
bool is_named(const Message& message, const HeaderField& field, HeaderName known,
              std::string_view name);

// The value alone, so that nobody gets round a rule by another spelling (RFC 3261 19.1.4, RFC 3966
// 3): escapes of a user are decoded, of a telephone number visual separators and parameters left
// out, of a host the dot at its end. Whole URIs are as they came.
void write_value(const Field& field, const Subject& subject, Writer& out);
// The same without any of that: what stands in a header field that we write must be what its sender
// has written, or an escape of his would become a delimiter of ours.
void write_as_it_came(const Field& field, const Subject& subject, Writer& out);

// The character of a user at `at`, an escape decoded; `at` moves behind it.
char take_char(std::string_view user, size_t& at);
// Whether a user is a telephone number: digits, perhaps with a "+" before and separators between
// them, escapes decoded; and what a separator is.
bool is_number(std::string_view user);
inline bool is_separator(char c) { return c == '-' || c == '.' || c == '(' || c == ')'; }

// How the source is written.
void write_source(const IpAddress& ip, Writer& out);

}  // namespace sipcore
