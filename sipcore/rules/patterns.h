// All patterns of a set of rules, but for whole values, compiled into one database and looked for
// in one pass; few want another one over their own line. The only part of Tandem that knows
// Hyperscan, by hs.h alone, so that Vectorscan can take its place.
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

  // Calls found(context, index) once for each pattern that occurs. `lines`: where each line lies in
  // `text`, from its mark to before its end; no pattern reaches over the end of its line.
  struct Stretch {
    uint32_t begin = 0, end = 0;
  };
  using Found = void (*)(void* context, unsigned index);
  void scan(size_t reader, std::string_view text, std::span<const Stretch> lines, Found found,
            void* context) const;

 private:
  // Most patterns are looked for in the whole text at once. One that could match the end of its
  // line as well, like "[^x]*", sees nothing but its line.
  struct Part {
    uint16_t line;
    hs_database* database;
  };
  std::string add_part(std::span<const Pattern> all, uint16_t line,
                       const std::vector<unsigned>& ids);

  std::vector<Part> parts_;
  std::vector<hs_scratch*> scratch_;
};

// A sentence: what is wrong with a regular expression; empty: nothing.
std::string fault_of_regex(const std::string& regex);

}  // namespace sipcore
