// A rule: what a message must be like, and what is done with it then. Plain data, as the
// configuration says it; rule_set.h finds those that match, rewrite.h carries out their changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sipcore/rules/field.h"
#include "sipcore/rules/patterns.h"

namespace sipcore {

// Some value of a field: any of the patterns, whose `line` is not set yet; or none of them.
struct Condition {
  Field field;
  std::vector<Pattern> any;
  bool none = false;
  friend bool operator==(const Condition&, const Condition&) = default;
};

// Part of a week, in local time. From `from` up to, but not including, `to`, in minutes of a day;
// it goes over midnight where `to` is not later.
struct TimeSpan {
  uint8_t days = 0x7f;  // bit 0: Monday
  uint16_t from = 0;
  uint16_t to = 24 * 60;

  bool contains(uint32_t minute_of_week) const;  // from Monday 0:00
  friend bool operator==(const TimeSpan&, const TimeSpan&) = default;
};

struct HeaderChange {
  enum class What : uint8_t { kAdd, kReplace, kRemove };
  // Text, and then perhaps the value of a field.
  struct Piece {
    std::string text;
    std::optional<Field> field;
    friend bool operator==(const Piece&, const Piece&) = default;
  };
  What what = What::kAdd;
  std::string name;
  std::vector<Piece> value;
  friend bool operator==(const HeaderChange&, const HeaderChange&) = default;
};

// What becomes of the message after this rule.
enum class Verdict : uint8_t {
  kContinue,  // with the next rule
  kStop,      // with no further rule; it goes where it would have gone
  kGroup,     // to this group
  kReject,
  kDrop,
};

struct Rule {
  std::string name;

  // All of them must hold.
  std::vector<Condition> conditions;
  std::vector<TimeSpan> times;  // any of these; none: always
  uint64_t marked = 0;          // set by rules before, each one a bit
  uint64_t not_marked = 0;

  // Changes of the Request-URI, in this order.
  std::optional<std::string> set_user;
  std::optional<std::string> set_host;  // with its port, perhaps
  uint32_t strip = 0;                   // so many characters of the user, from its beginning
  std::string prefix;                   // is put before the user
  std::vector<HeaderChange> headers;
  // What keeps requests together in groups that hash, in place of what the group says; empty: that.
  std::vector<HeaderChange::Piece> hash_by;

  uint64_t mark = 0;
  bool log = false;
  Verdict verdict = Verdict::kContinue;
  int status = 0;  // of kReject
  std::string reason;
  uint32_t retry_after_s = 0;  // 0: none
  uint16_t group = 0;          // of kGroup; the user's number
  uint16_t number = 0;         // the user's: where it is counted, what limits it

  friend bool operator==(const Rule&, const Rule&) = default;
  bool rewrites_uri() const {
    return set_user.has_value() || set_host.has_value() || strip > 0 || !prefix.empty();
  }
};

}  // namespace sipcore
