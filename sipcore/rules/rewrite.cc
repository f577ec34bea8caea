#include "sipcore/rules/rewrite.h"

#include <algorithm>

#include "sipcore/grammar/chars.h"

namespace sipcore {
namespace {

// A source is written for people here.
void write_piece(const HeaderChange::Piece& piece, const Subject& subject, Writer& out) {
  out.add(piece.text);
  if (!piece.field) return;
  if (piece.field->kind == Field::Kind::kSource) {
    out.add_ip(subject.source.ip);
  } else {
    write_as_it_came(*piece.field, subject, out);
  }
}

// What stands behind user and host, from `end` on.
std::string_view rest_behind(std::string_view uri, const char* end) {
  return uri.substr(static_cast<size_t>(end - uri.data()));
}

// Bytes of so many characters of a user, as they are compared: an escape is one, a separator of a
// number none. The parameters of a number are not touched.
size_t size_of_first(std::string_view user, size_t characters) {
  bool number = is_number(user);
  size_t at = 0;
  while (at < user.size()) {
    size_t next = at;
    char c = take_char(user, next);
    bool counts = !number || !is_separator(c);
    if ((number && c == ';') || (counts && characters == 0)) break;
    characters -= counts;
    at = next;
    if (characters == 0 && !number) break;
  }
  return at;
}

const char* end_of_host(const Uri& uri) {
  if (!uri.params.empty()) return uri.params.data();
  if (uri.has_headers) return uri.headers.data() - 1;
  return uri.text.data() + uri.text.size();
}

}  // namespace

bool is_protected(std::string_view header) {
  switch (header_name(header)) {
    case HeaderName::kCallId:
    case HeaderName::kContact:
    case HeaderName::kContentLength:
    case HeaderName::kCSeq:
    case HeaderName::kFrom:
    case HeaderName::kMaxForwards:
    case HeaderName::kRecordRoute:
    case HeaderName::kRoute:
    case HeaderName::kTo:
    case HeaderName::kVia:
      return true;
    default:
      return false;
  }
}

void Rewrite::add(const Rule& rule) {
  if (!rule.rewrites_uri() && rule.headers.empty()) return;
  too_many_ |= count_ == kMostRules;
  if (!too_many_) rules_[count_++] = &rule;
}

bool Rewrite::rewrites_uri() const {
  return std::any_of(rules_.begin(), rules_.begin() + static_cast<ptrdiff_t>(count_),
                     [](const Rule* rule) { return rule->rewrites_uri(); });
}

bool Rewrite::list(const Subject& subject, Writer& texts, EditList& edits) const {
  if (subject.message.is_request()) change_uri(subject, texts, edits);
  add_headers(subject, texts, edits);
  remove_headers(subject.message, edits);
  return !too_many_ && !texts.full() && !edits.broken();
}

void Rewrite::change_uri(const Subject& subject, Writer& texts, EditList& edits) const {
  const Uri& uri = subject.essentials.request_uri;
  bool tel = uri.scheme == Scheme::kTel, changed = false;
  std::string_view user = uri.user, password = uri.password, host;
  const char* end = tel ? uri.user.data() + uri.user.size() : end_of_host(uri);
  if (!tel) host = {uri.host.data(), static_cast<size_t>(end - uri.host.data())};
  for (size_t i = 0; i < count_; ++i) {
    const Rule& rule = *rules_[i];
    changed |= rule.rewrites_uri();
    if (rule.set_user) user = *rule.set_user;
    if (rule.set_user) password = {};
    if (rule.set_host && !tel) host = *rule.set_host;
    if (rule.strip > 0) user.remove_prefix(size_of_first(user, rule.strip));
    if (rule.prefix.empty()) continue;
    size_t start = texts.size();
    texts.add(rule.prefix).add(user);
    user = texts.text().substr(start);
  }
  if (!changed) return;
  size_t start = texts.size();
  texts.add(uri.text.substr(0, uri.text.find(':') + 1)).add(user);
  if (!password.empty() && !user.empty()) texts.add(":").add(password);
  if (!tel && !user.empty()) texts.add("@");
  texts.add(host).add(rest_behind(uri.text, end));
  edits.add(subject.message.offset_of(uri.text), uri.text.size(), texts.text().substr(start));
}

bool Rewrite::removes(const Message& message, const HeaderField& field) const {
  for (size_t i = 0; i < count_; ++i) {
    for (const HeaderChange& change : rules_[i]->headers) {
      bool adds = change.what == HeaderChange::What::kAdd;
      if (!adds && is_named(message, field, header_name(change.name), change.name)) return true;
    }
  }
  return false;
}

// New fields go before the last one that stays: it has a line end before it.
void Rewrite::add_headers(const Subject& subject, Writer& texts, EditList& edits) const {
  const Message& message = subject.message;
  size_t last = message.field_count() - 1;
  while (last > 0 && removes(message, message.field(last))) --last;
  for (size_t i = 0; i < count_; ++i) {
    for (const HeaderChange& change : rules_[i]->headers) {
      if (change.what == HeaderChange::What::kRemove) continue;
      size_t start = texts.size();
      texts.add(change.name).add(": ");
      for (const auto& piece : change.value) write_piece(piece, subject, texts);
      texts.add("\r\n");
      edits.insert(message.field(last).begin, texts.text().substr(start));
    }
  }
}

// Neighbours go in one piece, so that a hundred of them are no more than one.
void Rewrite::remove_headers(const Message& message, EditList& edits) const {
  for (size_t at = 0; at < message.field_count(); ++at) {
    size_t first = at;
    while (at < message.field_count() && removes(message, message.field(at))) ++at;
    if (at == first) continue;
    size_t begin = message.field(first).begin;
    edits.remove(begin, message.field(at - 1).end - begin);
  }
}

}  // namespace sipcore
