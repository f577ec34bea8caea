// What the rules that matched want changed in a message, as edits of it.
#pragma once

#include <array>

#include "sipcore/build/edit.h"
#include "sipcore/rules/rule.h"

namespace sipcore {

class Rewrite {
 public:
  static constexpr size_t kMostRules = 16;  // with changes, for one message

  // The rule must outlive this.
  void add(const Rule& rule);
  bool any() const { return count_ > 0; }
  bool rewrites_uri() const;

  // In the order in which the rules were added. `texts` keeps what the edits refer to. False: that
  // is more than one message can be changed by.
  bool list(const Subject& subject, Writer& texts, EditList& edits) const;

 private:
  void change_uri(const Subject& subject, Writer& texts, EditList& edits) const;
  bool removes(const Message& message, const HeaderField& field) const;
  void add_headers(const Subject& subject, Writer& texts, EditList& edits) const;
  void remove_headers(const Message& message, EditList& edits) const;

  std::array<const Rule*, kMostRules> rules_;
  size_t count_ = 0;
  bool too_many_ = false;
};

// Header fields that no rule may touch, because the proxy itself works with them.
bool is_protected(std::string_view header);

}  // namespace sipcore
