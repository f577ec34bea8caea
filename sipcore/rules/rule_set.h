// The rules of one place in the path of a message, compiled. Which of a thousand rules match is
// found by one look for each whole value, one scan for all other patterns, and a handful of words
// for each field:
//
//   for each field:  rules that do not ask for it  |  rules of the patterns that were found
//   all of these together, AND, without those that ask for none of a pattern that was found:
//   the rules whose conditions all hold
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sipcore/rules/exact_texts.h"
#include "sipcore/rules/rule.h"

namespace sipcore {

// Work space of one thread.
struct RuleWork {
  static constexpr size_t kMostLines = 32;
  static constexpr size_t kMostWords = 64;
  // A byte of a message is in four values at most: a header field, its URI, user or host of it.
  std::array<char, size_t{4} * 65536 + kMostLines * 64> text;
  std::array<Patterns::Stretch, kMostLines> lines;
  std::array<std::array<uint64_t, kMostWords>, kMostLines> by_line;
  std::array<uint64_t, kMostWords> ruled_out;
};

class RuleSet {
 public:
  static constexpr size_t kMostRules = RuleWork::kMostWords * 64;

  // `readers`: threads that match(). `fault`, if it is not empty then: what is wrong.
  RuleSet(std::vector<Rule> rules, size_t readers, std::string& fault);

  const std::vector<Rule>& rules() const { return rules_; }

  // Calls take(rule) for each rule that matches, in their order, until it returns false. What
  // `take` adds to `marks` counts for the rules behind it. Conditions see the message as it came.
  template <class Take>
  void match(const Subject& subject, size_t reader, uint32_t minute_of_week, const uint64_t& marks,
             RuleWork& work, Take take) const {
    find(subject, reader, work);
    for (size_t word = 0; word < words_; ++word) {
      for (uint64_t left = work.by_line[0][word]; left != 0; left &= left - 1) {
        const Rule& rule = rules_[word * 64 + static_cast<size_t>(std::countr_zero(left))];
        if (holds(rule, minute_of_week, marks) && !take(rule)) return;
      }
    }
  }

 private:
  using Bits = std::vector<uint64_t>;
  // Rules that a pattern stands in: as bits where they are many.
  struct Some {
    std::vector<uint16_t> few;
    Bits many;

    void add_to(uint64_t* bits) const {
      for (uint16_t rule : few) bits[rule / 64] |= uint64_t{1} << rule % 64;
      for (size_t word = 0; word < many.size(); ++word) bits[word] |= many[word];
    }
  };
  struct Owners {
    Some wanting, refusing;  // that pattern
    uint16_t line = 0;
  };
  // While the set is made: who wants a pattern, and who wants it not to be there.
  struct Askers {
    std::vector<uint16_t> wanting, refusing;
  };
  struct Line {
    Field field;
    std::string begin;
    Bits indifferent;  // rules that do not ask for this field
  };
  struct Marking {
    const RuleSet* set;
    RuleWork* work;
  };

  uint16_t line_of(const Field& field);
  void add(uint16_t rule, const Condition& condition, std::map<Pattern, Askers>& askers);
  Some some(std::vector<uint16_t> rules) const;
  void find(const Subject& subject, size_t reader, RuleWork& work) const;
  static bool holds(const Rule& rule, uint32_t minute_of_week, uint64_t marks);
  static void on_found(void* context, unsigned index);

  std::vector<Rule> rules_;
  size_t words_ = 0;
  std::vector<Line> lines_;
  std::vector<Owners> owners_;  // by pattern: first those that are scanned for
  ExactTexts exact_;
  std::unique_ptr<Patterns> patterns_;
};

}  // namespace sipcore
