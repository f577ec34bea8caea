// All patterns of a set of rules, but for whole values, compiled into one database and looked for
// in one pass. The only part of Tandem that knows Hyperscan, by hs.h alone, so that Vectorscan can
// take its place.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

struct hs_database;
struct hs_scratch;

namespace sipcore {

struct Pattern {
  enum class How : uint8_t { kExact, kPrefix, kRegex };
  uint16_t line = 0;  // of the text it is looked for in, see line_begin()
  How how = How::kExact;
  bool any_case = false;
  std::string text;

  friend bool operator==(const Pattern&, const Pattern&) = default;
  friend bool operator<(const Pattern& a, const Pattern& b) {
    return std::tie(a.line, a.how, a.any_case, a.text) <
           std::tie(b.line, b.how, b.any_case, b.text);
  }
};

// What the line of that number begins with; its value follows, and kLineEnd.
inline constexpr size_t kLineBeginSize = 3;
inline constexpr char kLineMark = '\x01';
inline constexpr char kLineEnd = '\n';
std::string line_begin(uint16_t line);

class Patterns {
 public:
  // `readers`: threads that scan, each with scratch space of its own. `fault` names what is wrong;
  // nothing may be scanned then.
  Patterns(std::span<const Pattern> all, size_t readers, std::string& fault);
  ~Patterns();
  Patterns(const Patterns&) = delete;
  Patterns& operator=(const Patterns&) = delete;

  // Calls found(context, index) for each pattern that occurs, perhaps several times. `ends`: where
  // the value of each line ends in `text`; no pattern reaches over the end of its line.
  using Found = void (*)(void* context, unsigned index);
  void scan(size_t reader, std::string_view text, std::span<const uint32_t> ends, Found found,
            void* context) const;

 private:
  std::vector<uint16_t> lines_;  // of each pattern
  std::vector<bool> checked_;    // whether a match of it might reach over the end of its line
  hs_database* database_ = nullptr;
  std::vector<hs_scratch*> scratch_;
};

// A sentence: what is wrong with a regular expression; empty: nothing.
std::string fault_of_regex(const std::string& regex);

}  // namespace sipcore
