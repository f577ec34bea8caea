#include "control/config/rule_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sipcore/grammar/chars.h"

namespace control::config {

using sipcore::Field;

namespace {

constexpr std::string_view kDays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::optional<size_t> day_of(std::string_view word) {
  auto at = std::find(std::begin(kDays), std::end(kDays), word);
  if (at == std::end(kDays)) return std::nullopt;
  return static_cast<size_t>(at - std::begin(kDays));
}

std::optional<uint8_t> days_of(std::string_view word) {
  size_t dash = std::min(word.find('-'), word.size());
  auto first = day_of(word.substr(0, dash));
  auto last = dash < word.size() ? day_of(word.substr(dash + 1)) : first;
  if (!first || !last) return std::nullopt;
  uint8_t out = 0;
  for (size_t day = *first;; day = (day + 1) % 7) {
    out = static_cast<uint8_t>(out | 1U << day);
    if (day == *last) return out;
  }
}

std::optional<uint16_t> two_digits(std::string_view text, uint16_t most) {
  uint16_t value = 0;
  auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  bool whole = text.size() == 2 && end.ec == std::errc() && end.ptr == text.data() + 2;
  return whole && value <= most ? std::optional(value) : std::nullopt;
}

// "08:00"; up to "24:00".
std::optional<uint16_t> minute_of(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  auto hour = two_digits(text.substr(0, 2), 24), minute = two_digits(text.substr(3), 59);
  if (!hour || !minute || (*hour == 24 && *minute > 0)) return std::nullopt;
  return static_cast<uint16_t>(*hour * 60 + *minute);
}

}  // namespace

Field header_field(std::string_view name) {
  std::string_view known = sipcore::spelling(sipcore::header_name(name));
  Field field{Field::Kind::kHeader, std::string(known.empty() ? name : known)};
  for (char& c : field.header) c = sipcore::lower(c);
  return field;
}

std::string word_of(const Field& field) {
  for (const FieldWord& word : kFieldWords) {
    if (word.kind == field.kind) return std::string(word.name);
  }
  switch (field.kind) {
    case Field::Kind::kMethod:
      return "method";
    case Field::Kind::kListen:
      return "listen";
    case Field::Kind::kSource:
      return "source";
    case Field::Kind::kSourcePort:
      return "source_port";
    case Field::Kind::kStatus:
      return "status";
    default:
      return "header " + field.header;
  }
}

std::string text_of(const std::vector<sipcore::HeaderChange::Piece>& pieces) {
  std::string out;
  for (const auto& [text, field] : pieces) {
    out += text;
    if (!field) continue;
    bool header = field->kind == Field::Kind::kHeader;
    out += fmt::format("${{{}}}", header ? "header:" + field->header : word_of(*field));
  }
  return out;
}

// A digit stands for four bits; where a network ends within one, it has several.
std::vector<std::string> source_prefixes(const link::Network& network) {
  char text[40];
  sipcore::Writer all(text);
  sipcore::write_source(network.ip, all);
  std::string whole(all.text().substr(0, 1 + network.bits / 4));
  unsigned open = (4 - network.bits % 4) % 4;
  if (open == 0) return {whole};
  constexpr std::string_view kDigits = "0123456789abcdef";
  size_t first = kDigits.find(all.text()[1 + network.bits / 4]);
  std::vector<std::string> out;
  for (size_t i = 0; i < size_t{1} << open; ++i) out.push_back(whole + kDigits[first + i]);
  return out;
}

std::optional<sipcore::TimeSpan> parse_time_span(std::string_view text) {
  sipcore::TimeSpan out;
  size_t space = std::min(text.find(' '), text.size());
  std::string_view days = text.substr(0, space);
  std::string_view hours = text.substr(std::min(space + 1, text.size()));
  if (days.find(':') != days.npos) {
    hours = text;
  } else {
    auto found = days_of(days);
    if (!found) return std::nullopt;
    out.days = *found;
  }
  if (hours.empty()) return out;
  size_t dash = std::min(hours.find('-'), hours.size());
  auto from = minute_of(hours.substr(0, dash));
  auto to = minute_of(hours.substr(std::min(dash + 1, hours.size())));
  if (!from || !to || *from == 24 * 60) return std::nullopt;
  out.from = *from;
  out.to = *to;
  return out;
}

std::string parse_pieces(std::string_view text, std::vector<sipcore::HeaderChange::Piece>& out) {
  constexpr std::string_view kHeader = "header:";
  while (!text.empty()) {
    size_t begin = std::min(text.find("${"), text.size());
    out.push_back({std::string(text.substr(0, begin)), std::nullopt});
    if (begin == text.size()) return {};
    size_t end = text.find('}', begin);
    if (end == text.npos) return "a ${ without its }";
    std::string_view name = text.substr(begin + 2, end - begin - 2);
    text.remove_prefix(end + 1);
    auto word = std::find_if(std::begin(kFieldWords), std::end(kFieldWords),
                             [&](const FieldWord& one) { return one.name == name; });
    if (word != std::end(kFieldWords)) {
      out.back().field = Field{word->kind, ""};
    } else if (name == "source") {
      out.back().field = Field{Field::Kind::kSource, ""};
    } else if (name.starts_with(kHeader) && name.size() > kHeader.size()) {
      out.back().field = header_field(name.substr(kHeader.size()));
    } else {
      return fmt::format(
          "${{{}}} is none of the fields: ${{user}}, ${{from_user}}, ${{source}}, "
          "${{header:NAME}} and the like",
          name);
    }
  }
  return {};
}

}  // namespace control::config
