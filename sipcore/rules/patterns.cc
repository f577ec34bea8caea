#include "sipcore/rules/patterns.h"

#include <hs/hs.h>

#include <cstdlib>
#include <map>

#include "sipcore/check.h"

namespace sipcore {
namespace {

constexpr char kDigits[] = "0123456789abcdef";
constexpr uint16_t kWholeText = 0xffff;

// Literal text as an expression: every character by its number.
std::string literal(std::string_view text) {
  std::string out;
  for (char c : text) {
    auto byte = static_cast<uint8_t>(c);
    out += "\\x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

// An alternative outside of all brackets: "^a|b" would bind the "^" to the first one alone.
bool has_open_alternative(std::string_view regex) {
  int depth = 0;
  bool in_class = false;
  for (size_t i = 0; i < regex.size(); ++i) {
    char c = regex[i];
    if (c == '\\') {
      ++i;
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
      if (i + 1 < regex.size() && regex[i + 1] == '^') ++i;
      if (i + 1 < regex.size() && regex[i + 1] == ']') ++i;
    } else {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (c == '|' && depth == 0) return true;
    }
  }
  return false;
}

// Whether an expression may stand for the end of a line: by what means "anything but". A class that
// names its characters cannot, since no text of a rule has control characters.
bool may_leave_line(std::string_view regex) {
  constexpr std::string_view kHarmless = "dwS.+*?()[]{}|^$/\\-@:#&=~!,;";
  for (size_t i = 0; i < regex.size(); ++i) {
    bool last = i + 1 == regex.size();
    if (regex[i] == '\\' && (last || kHarmless.find(regex[i + 1]) == kHarmless.npos)) return true;
    if (regex.substr(i, 2) == "[:") return true;
    if (regex[i] == '\\') {
      ++i;
    } else if (!last && (regex.substr(i, 2) == "[^" || regex.substr(i, 2) == "(?")) {
      bool group = regex.substr(i, 3) == "(?:" || regex.substr(i, 4) == "(?i)";
      if (!group) return true;
    }
  }
  return false;
}

std::string expression(const Pattern& pattern) {
  std::string begin = literal(line_begin(pattern.line));
  if (pattern.how == Pattern::How::kPrefix) return begin + literal(pattern.text);
  bool anchored = pattern.text.starts_with('^');
  std::string regex = anchored ? pattern.text.substr(1) : pattern.text;
  return begin + (anchored ? "" : "[^\\n]*") + "(?:" + regex + ")";
}

unsigned flags_of(const Pattern& pattern) {
  unsigned flags = HS_FLAG_SINGLEMATCH;
  if (pattern.any_case) flags |= HS_FLAG_CASELESS;
  // "$" is the end of the line.
  if (pattern.how == Pattern::How::kRegex) flags |= HS_FLAG_MULTILINE;
  return flags;
}

struct Scan {
  Patterns::Found found;
  void* context;
};

int on_match(unsigned id, unsigned long long, unsigned long long, unsigned, void* context) {
  const Scan& scan = *static_cast<const Scan*>(context);
  scan.found(scan.context, id);
  return 0;
}

std::string compile_fault(hs_compile_error_t* error) {
  std::string out = error->message;
  hs_free_compile_error(error);
  return out;
}

}  // namespace

std::string line_begin(uint16_t line) {
  // Two characters that are neither the mark nor the end of a line.
  return {kLineMark, static_cast<char>('0' + line), kLineEnd};
}

std::string fault_of_regex(const std::string& regex) {
  if (regex.starts_with('^') && has_open_alternative(regex)) {
    return "write ^(a|b) for what begins with one of several";
  }
  for (char kind : {'A', 'z', 'Z'}) {
    if (regex.find(std::string("\\") + kind) != regex.npos) {
      return "^ is the beginning of the text and $ its end";
    }
  }
  // By itself first: what is whole only with what we put around it means something else.
  std::string inner = regex.starts_with('^') ? regex.substr(1) : regex;
  hs_expr_info_t* info = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_expression_info(inner.c_str(), HS_FLAG_MULTILINE | HS_FLAG_ALLOWEMPTY, &info, &error) !=
      HS_SUCCESS) {
    return compile_fault(error);
  }
  free(info);
  Pattern pattern{0, Pattern::How::kRegex, false, regex};
  if (hs_expression_info(expression(pattern).c_str(), HS_FLAG_MULTILINE, &info, &error) !=
      HS_SUCCESS) {
    return compile_fault(error);
  }
  free(info);
  return {};
}

Patterns::Patterns(std::span<const Pattern> all, size_t readers, std::string& fault)
    : scratch_(readers) {
  // All that stay within their line at once; of the others those of a line together.
  std::map<uint16_t, std::vector<unsigned>> parts;
  for (unsigned i = 0; i < all.size(); ++i) {
    bool leaves = all[i].how == Pattern::How::kRegex && may_leave_line(all[i].text);
    parts[leaves ? all[i].line : kWholeText].push_back(i);
  }
  for (const auto& [line, ids] : parts) {
    fault = add_part(all, line, ids);
    if (!fault.empty()) return;
  }
}

std::string Patterns::add_part(std::span<const Pattern> all, uint16_t line,
                               const std::vector<unsigned>& ids) {
  std::vector<std::string> texts;
  std::vector<const char*> expressions;
  std::vector<unsigned> flags;
  for (unsigned id : ids) {
    flags.push_back(flags_of(all[id]));
    texts.push_back(expression(all[id]));
  }
  expressions.reserve(texts.size());
  for (const std::string& text : texts) expressions.push_back(text.c_str());
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_multi(expressions.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(ids.size()), HS_MODE_BLOCK, nullptr, &database,
                       &error) != HS_SUCCESS) {
    bool named = error->expression >= 0;
    std::string which =
        named ? "\"" + all[ids[static_cast<size_t>(error->expression)]].text + "\": " : "";
    return which + compile_fault(error);
  }
  parts_.push_back({line, database});
  for (hs_scratch*& one : scratch_) {
    if (hs_alloc_scratch(database, &one) != HS_SUCCESS) return "no memory for the patterns";
  }
  return {};
}

Patterns::~Patterns() {
  for (hs_scratch* one : scratch_) hs_free_scratch(one);
  for (const Part& part : parts_) hs_free_database(part.database);
}

void Patterns::scan(size_t reader, std::string_view text, std::span<const Stretch> lines,
                    Found found, void* context) const {
  Scan scan{found, context};
  for (const Part& part : parts_) {
    std::string_view where = text;
    if (part.line != kWholeText) {
      where = text.substr(lines[part.line].begin, lines[part.line].end - lines[part.line].begin);
    }
    hs_error_t result = hs_scan(part.database, where.data(), static_cast<unsigned>(where.size()), 0,
                                scratch_[reader], on_match, &scan);
    CHECK(result == HS_SUCCESS);
  }
}

}  // namespace sipcore
