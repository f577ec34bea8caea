#include "sipcore/rules/patterns.h"

#include <hs/hs.h>

#include <cstdlib>

#include "sipcore/check.h"

namespace sipcore {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

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

// What stands for characters that it does not name may stand for the end of a line.
bool may_leave_line(std::string_view regex) {
  for (std::string_view risky : {"[", "\\", "(?"}) {
    if (regex.find(risky) != regex.npos) return true;
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

unsigned flags_of(const Pattern& pattern, bool checked) {
  unsigned flags = checked ? 0 : HS_FLAG_SINGLEMATCH;
  if (pattern.any_case) flags |= HS_FLAG_CASELESS;
  // "$" is the end of the line.
  if (pattern.how == Pattern::How::kRegex) flags |= HS_FLAG_MULTILINE;
  return flags;
}

struct Scan {
  std::span<const uint16_t> lines;
  const std::vector<bool>& checked;
  std::span<const uint32_t> ends;
  Patterns::Found found;
  void* context;
};

int on_match(unsigned id, unsigned long long, unsigned long long to, unsigned, void* context) {
  const Scan& scan = *static_cast<const Scan*>(context);
  bool inside = !scan.checked[id] || to <= scan.ends[scan.lines[id]];
  if (inside) scan.found(scan.context, id);
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

Patterns::Patterns(std::span<const Pattern> all, size_t readers, std::string& fault) {
  if (all.empty()) return;
  std::vector<std::string> texts;
  std::vector<const char*> expressions;
  std::vector<unsigned> flags, ids;
  for (const Pattern& pattern : all) {
    bool checked = pattern.how == Pattern::How::kRegex && may_leave_line(pattern.text);
    lines_.push_back(pattern.line);
    checked_.push_back(checked);
    flags.push_back(flags_of(pattern, checked));
    ids.push_back(static_cast<unsigned>(ids.size()));
    texts.push_back(expression(pattern));
  }
  expressions.reserve(texts.size());
  for (const std::string& text : texts) expressions.push_back(text.c_str());
  hs_compile_error_t* error = nullptr;
  if (hs_compile_multi(expressions.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(all.size()), HS_MODE_BLOCK, nullptr, &database_,
                       &error) != HS_SUCCESS) {
    bool named = error->expression >= 0;
    fault = named ? "\"" + all[static_cast<size_t>(error->expression)].text + "\": " : "";
    fault += compile_fault(error);
    return;
  }
  scratch_.resize(readers);
  for (hs_scratch*& one : scratch_) {
    if (hs_alloc_scratch(database_, &one) != HS_SUCCESS) fault = "no memory for the patterns";
  }
}

Patterns::~Patterns() {
  for (hs_scratch* one : scratch_) hs_free_scratch(one);
  hs_free_database(database_);
}

void Patterns::scan(size_t reader, std::string_view text, std::span<const uint32_t> ends,
                    Found found, void* context) const {
  if (database_ == nullptr) return;
  Scan scan{lines_, checked_, ends, found, context};
  hs_error_t result = hs_scan(database_, text.data(), static_cast<unsigned>(text.size()), 0,
                              scratch_[reader], on_match, &scan);
  CHECK(result == HS_SUCCESS);
}

}  // namespace sipcore
