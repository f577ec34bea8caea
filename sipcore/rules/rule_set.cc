#include "sipcore/rules/rule_set.h"

#include <algorithm>
#include <iterator>

#include "sipcore/check.h"
#include "sipcore/grammar/chars.h"

namespace sipcore {

namespace {
constexpr uint32_t kMinutesOfDay = 24 * 60;
// A number is compared without separators, and so is what it is compared with.
std::string as_compared(const std::string& text) {
  if (!is_number(text)) return text;
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return !is_separator(c); });
  return out;
}

bool is_user(const Field& field) {
  return field.kind == Field::Kind::kUser || field.kind == Field::Kind::kFromUser ||
         field.kind == Field::Kind::kToUser;
}

}  // namespace

bool TimeSpan::contains(uint32_t minute_of_week) const {
  uint32_t day = minute_of_week / kMinutesOfDay % 7, minute = minute_of_week % kMinutesOfDay;
  bool today = (days >> day & 1) != 0;
  if (from < to) return today && minute >= from && minute < to;
  bool yesterday = (days >> (day + 6) % 7 & 1) != 0;
  return (today && minute >= from) || (yesterday && minute < to);
}

uint16_t RuleSet::line_of(const Field& field) {
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].field == field) return static_cast<uint16_t>(i);
  }
  auto line = static_cast<uint16_t>(lines_.size());
  lines_.push_back({field, line_begin(line), Bits(words_, ~uint64_t{0})});
  return line;
}

// The same pattern in several rules is looked for once.
void RuleSet::add(uint16_t rule, const Condition& condition, std::map<Pattern, Askers>& askers) {
  uint16_t line = line_of(condition.field);
  if (line >= RuleWork::kMostLines) return;
  if (!condition.none) lines_[line].indifferent[rule / 64] &= ~(uint64_t{1} << rule % 64);
  for (Pattern pattern : condition.any) {
    pattern.line = line;
    pattern.any_case |= any_case(condition.field);
    // As they are compared: two that differ only by case are one.
    bool lowered = pattern.any_case && pattern.how == Pattern::How::kExact;
    if (lowered)
      std::transform(pattern.text.begin(), pattern.text.end(), pattern.text.begin(), lower);
    if (is_user(condition.field) && pattern.how != Pattern::How::kRegex) {
      pattern.text = as_compared(pattern.text);
    }
    Askers& of_it = askers[std::move(pattern)];
    (condition.none ? of_it.refusing : of_it.wanting).push_back(rule);
  }
}

RuleSet::RuleSet(std::vector<Rule> rules, size_t readers, std::string& fault)
    : rules_(std::move(rules)), words_((rules_.size() + 63) / 64) {
  if (rules_.size() > kMostRules) {
    fault = "more than " + std::to_string(kMostRules) + " rules";
    return;
  }
  std::map<Pattern, Askers> askers;
  for (size_t i = 0; i < rules_.size(); ++i) {
    for (const Condition& one : rules_[i].conditions) add(static_cast<uint16_t>(i), one, askers);
  }
  // One line is needed to be ANDed into, even where nothing is asked for.
  if (lines_.empty()) line_of({});
  if (lines_.size() > RuleWork::kMostLines) {
    fault = "rules look at more than " + std::to_string(RuleWork::kMostLines) + " fields";
    return;
  }
  std::vector<Pattern> scanned;
  for (bool exact : {false, true}) {
    for (const auto& [pattern, of_it] : askers) {
      if ((pattern.how == Pattern::How::kExact) != exact) continue;
      auto id = static_cast<uint32_t>(owners_.size());
      if (exact) exact_.add(pattern.line, pattern.any_case, pattern.text, id);
      if (!exact) scanned.push_back(pattern);
      owners_.push_back({some(of_it.wanting), some(of_it.refusing), pattern.line});
    }
  }
  // Bits behind the last rule stand for nothing.
  if (rules_.size() % 64 != 0) {
    for (Line& line : lines_) line.indifferent.back() &= (uint64_t{1} << rules_.size() % 64) - 1;
  }
  patterns_ = std::make_unique<Patterns>(scanned, readers, fault);
}

RuleSet::Some RuleSet::some(std::vector<uint16_t> rules) const {
  if (rules.size() <= words_) return {std::move(rules), {}};
  Bits many(words_);
  for (uint16_t rule : rules) many[rule / 64] |= uint64_t{1} << rule % 64;
  return {{}, std::move(many)};
}

void RuleSet::on_found(void* context, unsigned index) {
  const Marking& marking = *static_cast<const Marking*>(context);
  const Owners& owners = marking.set->owners_[index];
  owners.wanting.add_to(marking.work->by_line[owners.line].data());
  owners.refusing.add_to(marking.work->ruled_out.data());
}

// The rules whose patterns all match, as bits in by_line[0].
void RuleSet::find(const Subject& subject, size_t reader, RuleWork& work) const {
  Writer text(work.text);
  Marking marking{this, &work};
  std::fill_n(work.ruled_out.begin(), words_, 0);
  for (size_t i = 0; i < lines_.size(); ++i) {
    work.lines[i].begin = static_cast<uint32_t>(text.size());
    text.add(lines_[i].begin);
    size_t begin = text.size();
    write_value(lines_[i].field, subject, text);
    std::copy(lines_[i].indifferent.begin(), lines_[i].indifferent.end(), work.by_line[i].begin());
    auto exact = exact_.find(static_cast<uint16_t>(i), text.text().substr(begin));
    if (exact) on_found(&marking, *exact);
    work.lines[i].end = static_cast<uint32_t>(text.size());
    text.add({&kLineEnd, 1});
  }
  CHECK(!text.full());
  patterns_->scan(reader, text.text(), work.lines, on_found, &marking);
  auto& all = work.by_line[0];
  for (size_t i = 1; i < lines_.size(); ++i) {
    for (size_t word = 0; word < words_; ++word) all[word] &= work.by_line[i][word];
  }
  for (size_t word = 0; word < words_; ++word) all[word] &= ~work.ruled_out[word];
}

bool RuleSet::holds(const Rule& rule, uint32_t minute_of_week, uint64_t marks) {
  if ((marks & rule.marked) != rule.marked || (marks & rule.not_marked) != 0) return false;
  auto now = [&](const TimeSpan& span) { return span.contains(minute_of_week); };
  return rule.times.empty() || std::any_of(rule.times.begin(), rule.times.end(), now);
}

}  // namespace sipcore
