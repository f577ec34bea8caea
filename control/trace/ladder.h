// Messages as a ladder of text: a column for each address, an arrow for each message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace control::trace {

class Ladder {
 public:
  static constexpr size_t kColumn = 28;

  // The lines for one more message: a new head where an address is new, then the arrow.
  std::string add(std::string_view time, const std::string& from, const std::string& to,
                  std::string_view label);

 private:
  size_t column_of(const std::string& address, bool& is_new);
  std::string head(size_t indent) const;

  std::vector<std::string> addresses_;
};

// What an arrow says: method and Request-URI, or status and reason.
std::string label_of(std::string_view message);

}  // namespace control::trace
