#include "dataplane/steer/owner.h"

#include "sipcore/grammar/chars.h"
#include "sipcore/grammar/header_name.h"

namespace dataplane {
namespace {

// The value behind the colon up to the end of the line, with the folds that follow it.
std::string_view value_at(std::string_view text, size_t begin) {
  size_t end = text.find('\n', begin);
  while (end != std::string_view::npos && end + 1 < text.size() &&
         (text[end + 1] == ' ' || text[end + 1] == '\t')) {
    end = text.find('\n', end + 1);
  }
  return sipcore::trim(text.substr(begin, end == std::string_view::npos ? end : end - begin));
}

}  // namespace

std::string_view find_call_id(std::string_view datagram) {
  for (size_t at = datagram.find('\n'); at != std::string_view::npos;
       at = datagram.find('\n', at + 1)) {
    if (at + 2 >= datagram.size()) return {};
    char first = sipcore::lower(datagram[at + 1]);
    if (first == '\r' && at > 2 && datagram[at - 1] == '\r') {
      if (datagram.substr(0, at).find_first_not_of("\r\n") == std::string_view::npos) continue;
      return {};  // the empty line: what follows is the body
    }
    if (first != 'c' && first != 'i') continue;
    size_t colon = datagram.find(':', at + 1);
    if (colon == std::string_view::npos) return {};
    std::string_view name = sipcore::trim(datagram.substr(at + 1, colon - at - 1));
    if (sipcore::header_name(name) == sipcore::HeaderName::kCallId) {
      return value_at(datagram, colon + 1);
    }
  }
  return {};
}

}  // namespace dataplane
