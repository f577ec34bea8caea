#include "sipcore/balance/hash_of.h"

#include "sipcore/grammar/chars.h"
#include "sipcore/grammar/name_addr.h"

namespace sipcore {
namespace {

// Host names are the same in either case (RFC 3261 19.1.4), users are not.
uint64_t hash_uri(const Uri& uri, const HashKey& key) {
  SipHash hash(key);
  if (uri.host.empty()) return hash.add(uri.text).finish();
  hash.add(uri.user).add_byte('@');
  for (char c : uri.host) hash.add_byte(static_cast<uint8_t>(lower(c)));
  return hash.finish();
}

std::string_view header_value(std::string_view name, const Message& request) {
  for (size_t i = 0; i < request.field_count(); ++i) {
    const HeaderField& field = request.field(i);
    if (equal_nocase(request.name(field), name)) return request.value(field);
  }
  return {};
}

std::string_view auth_user(const Message& request) {
  for (HeaderName name : {HeaderName::kProxyAuthorization, HeaderName::kAuthorization}) {
    std::string_view user = username_of(request.value(name));
    if (!user.empty()) return user;
  }
  return {};
}

}  // namespace

std::string_view username_of(std::string_view credentials) {
  constexpr std::string_view kName = "username";
  bool quoted = false;
  for (size_t at = 0; at + kName.size() < credentials.size(); ++at) {
    char c = credentials[at];
    if (quoted && c == '\\') ++at;
    if (c == '"') quoted = !quoted;
    bool begins = !quoted && (at == 0 || credentials[at - 1] == ' ' || credentials[at - 1] == ',');
    if (!begins || !equal_nocase(credentials.substr(at, kName.size()), kName)) continue;
    std::string_view rest = credentials.substr(at + kName.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t="), rest.size()));
    if (!rest.starts_with('"')) return rest.substr(0, rest.find_first_of(", \t"));
    size_t end = 1;
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
    return end < rest.size() ? rest.substr(1, end - 1) : std::string_view{};
  }
  return {};
}

uint64_t hash_of(HashOf what, std::string_view header, const Message& request,
                 const Essentials& essentials, const HashKey& key) {
  std::string_view text;
  switch (what) {
    case HashOf::kRequestUri:
      return hash_uri(essentials.request_uri, key);
    case HashOf::kFrom:
    case HashOf::kTo: {
      auto name = what == HashOf::kFrom ? HeaderName::kFrom : HeaderName::kTo;
      auto address = parse_name_addr(request.value(name));
      if (address) return hash_uri(address->uri, key);
      break;
    }
    case HashOf::kAuthUser:
      text = auth_user(request);
      break;
    case HashOf::kHeader:
      text = header_value(header, request);
      break;
    case HashOf::kCallId:
      break;
  }
  return siphash(key, text.empty() ? essentials.call_id : text);
}

}  // namespace sipcore
