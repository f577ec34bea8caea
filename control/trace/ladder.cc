#include "control/trace/ladder.h"

#include <algorithm>

namespace control::trace {

size_t Ladder::column_of(const std::string& address, bool& is_new) {
  auto at = std::find(addresses_.begin(), addresses_.end(), address);
  is_new |= at == addresses_.end();
  if (at != addresses_.end()) return static_cast<size_t>(at - addresses_.begin());
  addresses_.push_back(address);
  return addresses_.size() - 1;
}

std::string Ladder::head(size_t indent) const {
  std::string out(indent, ' ');
  for (const std::string& address : addresses_) {
    std::string cell = address.substr(0, kColumn - 1);
    size_t left = (kColumn - cell.size()) / 2;
    out += std::string(left, ' ') + cell + std::string(kColumn - left - cell.size(), ' ');
  }
  out.resize(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

std::string Ladder::add(std::string_view time, const std::string& from, const std::string& to,
                        std::string_view label) {
  bool is_new = false;
  size_t a = column_of(from, is_new), b = column_of(to, is_new);
  size_t indent = time.size() + 1;
  std::string line(addresses_.size() * kColumn, ' ');
  auto middle = [](size_t column) { return column * kColumn + kColumn / 2; };
  for (size_t i = 0; i < addresses_.size(); ++i) line[middle(i)] = '|';
  size_t first = middle(std::min(a, b)) + 1, last = middle(std::max(a, b));
  for (size_t i = first; i < last; ++i) line[i] = '-';
  if (a < b) line[last - 1] = '>';
  if (a > b) line[first] = '<';
  std::string text(label.substr(0, last > first + 6 ? last - first - 6 : 0));
  if (!text.empty()) {
    text = " " + text + " ";
    line.replace(first + (last - first - text.size()) / 2, text.size(), text);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  return (is_new ? head(indent) : "") + std::string(time) + " " + line + "\n";
}

std::string label_of(std::string_view message) {
  std::string_view line = message.substr(0, message.find_first_of("\r\n"));
  constexpr std::string_view kVersion = "SIP/2.0";
  if (line.starts_with(kVersion)) {
    return std::string(line.substr(std::min(kVersion.size() + 1, line.size())));
  }
  size_t end = line.rfind(' ');
  std::string out(line.substr(0, end == line.npos ? line.size() : end));
  constexpr std::string_view kScheme = " sip:";
  size_t scheme = out.find(kScheme);
  return scheme == out.npos ? out : out.replace(scheme, kScheme.size(), " ");
}

}  // namespace control::trace
