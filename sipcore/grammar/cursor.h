// The one place that checks bounds while text is read: every decoder moves a Cursor and never
// touches a pointer itself. At the end peek() gives '\0', which no rule below accepts.
#pragma once

#include <optional>
#include <string_view>

#include "sipcore/grammar/char_run.h"

namespace sipcore {

class Cursor {
 public:
  explicit constexpr Cursor(std::string_view text) : text_(text) {}

  constexpr bool done() const { return at_ == text_.size(); }
  constexpr size_t position() const { return at_; }
  constexpr char peek() const { return done() ? '\0' : text_[at_]; }
  constexpr std::string_view rest() const { return {text_.data() + at_, text_.size() - at_}; }
  // `start`: a position() of before.
  constexpr std::string_view since(size_t start) const {
    return {text_.data() + start, at_ - start};
  }

  constexpr bool take(char wanted) {
    if (done() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  std::string_view take_class(CharClass wanted) {
    size_t start = at_;
    at_ = run_end(text_, at_, wanted);
    return since(start);
  }

  // Characters of one class, and escapes: "%" HEXDIG HEXDIG (RFC 3261 25.1, escaped).
  std::string_view take_escaped(CharClass wanted) {
    size_t start = at_;
    do {
      take_class(wanted);
    } while (take_escape());
    return since(start);
  }

  std::string_view take_token() { return take_class(kTokenChar); }

  constexpr void skip_lws() {
    while (!done() && is_lws(text_[at_])) ++at_;
  }

  // Takes up to, not including, `stop`, or to the end.
  std::string_view take_until(char stop) {
    size_t start = at_;
    at_ = find_char(text_, at_, stop);
    return since(start);
  }
  bool has_ahead(char wanted) const { return find_char(text_, at_, wanted) != text_.size(); }

  constexpr void skip(size_t bytes) {
    at_ += bytes < text_.size() - at_ ? bytes : text_.size() - at_;
  }

  // quoted-string with its quotes (RFC 3261 25.1); a quoted-pair may carry any byte but CR and LF.
  constexpr std::optional<std::string_view> take_quoted() {
    size_t start = at_;
    if (!take('"')) return std::nullopt;
    while (!done()) {
      char c = text_[at_++];
      if (c == '"') return since(start);
      if (c != '\\') continue;
      if (done() || text_[at_] == '\r' || text_[at_] == '\n') break;
      ++at_;
    }
    return std::nullopt;
  }

 private:
  constexpr bool take_escape() {
    bool escape = text_.size() - at_ >= 3 && text_[at_] == '%' && is(text_[at_ + 1], kHexChar) &&
                  is(text_[at_ + 2], kHexChar);
    if (escape) at_ += 3;
    return escape;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace sipcore
