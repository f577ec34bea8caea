// The words in which the configuration file says what a rule looks at.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/link/networks.h"
#include "sipcore/rules/rule.h"

namespace control::config {

struct FieldWord {
  std::string_view name;
  sipcore::Field::Kind kind;
};

// Those that are compared as text, each by NAME, NAME_prefix or NAME_regex.
inline constexpr FieldWord kFieldWords[] = {
    {"user", sipcore::Field::Kind::kUser},          {"host", sipcore::Field::Kind::kHost},
    {"request_uri", sipcore::Field::Kind::kUri},    {"from_user", sipcore::Field::Kind::kFromUser},
    {"from_host", sipcore::Field::Kind::kFromHost}, {"from_uri", sipcore::Field::Kind::kFromUri},
    {"to_user", sipcore::Field::Kind::kToUser},     {"to_host", sipcore::Field::Kind::kToHost},
    {"to_uri", sipcore::Field::Kind::kToUri},
};

inline constexpr std::pair<std::string_view, sipcore::Pattern::How> kHows[] = {
    {"", sipcore::Pattern::How::kExact},
    {"_prefix", sipcore::Pattern::How::kPrefix},
    {"_regex", sipcore::Pattern::How::kRegex},
};

// A header field by its name, long or compact, in any case.
sipcore::Field header_field(std::string_view name);
// What a field is called in the file; of a header field "header NAME".
std::string word_of(const sipcore::Field& field);

// All addresses of a network begin with one of these, as a source is written.
std::vector<std::string> source_prefixes(const link::Network& network);

// "mon-fri 08:00-18:00", "sat 09:00-12:00", "sun", "22:00-06:00".
std::optional<sipcore::TimeSpan> parse_time_span(std::string_view text);

// "text ${user} text ${header:X-Trunk}". A sentence on failure.
std::string parse_pieces(std::string_view text, std::vector<sipcore::HeaderChange::Piece>& out);
// The text that parse_pieces() would make the same of.
std::string text_of(const std::vector<sipcore::HeaderChange::Piece>& pieces);

}  // namespace control::config
