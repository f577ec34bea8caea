// One header field of a message that is not parsed: for what is decided before that, which worker
// owns it and whether it is turned away or dropped. In a flood this is most of what is done.
#pragma once

#include <span>
#include <string_view>

namespace sipcore {

inline constexpr char kNoCompactForm = '\r';  // no line of a header begins with it

// What a field may be called, in lower case (RFC 3261 7.3.3).
struct FieldName {
  std::string_view text;
  char compact;
};
inline constexpr FieldName kToName = {"to", 't'};
inline constexpr FieldName kCallIdName = {"call-id", 'i'};
inline constexpr FieldName kUserAgentName = {"user-agent", kNoCompactForm};

// What begins behind the colon of the first field of this name, up to the end of the message;
// data() == nullptr: there is none. Agrees with the parser on every message that the parser
// accepts.
using FindField = std::string_view (*)(std::string_view message, const FieldName& name);
std::string_view find_field(std::string_view message, const FieldName& name);

// All the ways to do it that this processor has, of which find_field() goes by the last one, and
// one byte after the other, to compare them with.
std::span<const FindField> ways_to_find_field();
std::string_view find_field_plain(std::string_view message, const FieldName& name);

// Within a line.
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

// The line that ends at `end` goes on in the next one.
constexpr bool continues(std::string_view text, size_t end) {
  return end + 1 < text.size() && is_blank(text[end + 1]);
}

// From the begin of `rest` to the end of the last line that continues it (RFC 3261 7.3.1).
std::string_view whole_value(std::string_view rest);

}  // namespace sipcore
