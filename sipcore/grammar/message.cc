#include "sipcore/grammar/message.h"

#include "sipcore/grammar/char_run.h"
#include "sipcore/grammar/number.h"
#include "sipcore/grammar/scan.h"

namespace sipcore {
namespace {

constexpr std::string_view kVersion = "SIP/2.0";
constexpr std::string_view kVersionTail = " SIP/2.0";

Fault fault_of(ScanStatus status) {
  switch (status) {
    case ScanStatus::kOk:
      return Fault::kNone;
    case ScanStatus::kLoneLineBreak:
      return Fault::kLoneLineBreak;
    case ScanStatus::kNoEmptyLine:
      return Fault::kNoEmptyLine;
    case ScanStatus::kTooManyLines:
      return Fault::kTooManyHeaders;
    case ScanStatus::kLeadingFold:
      return Fault::kBadHeaderLine;
  }
  return Fault::kBadHeaderLine;
}

// Is "SIP/" with digits behind it: a message of another version, not of another protocol.
bool other_version(std::string_view text) {
  if (text.size() < 7 || !equal_nocase(text.substr(0, 4), "SIP/")) return false;
  for (char c : text.substr(4)) {
    if (!is(c, kDigitChar) && c != '.') return false;
  }
  return true;
}

}  // namespace

// In line: it runs for every header line.
[[gnu::always_inline]] inline Fault Message::add_field(const Line& line) {
  if (line.colon == kNoColon) return Fault::kBadHeaderLine;
  const char* text = bytes_.data();
  size_t name_end = line.colon, value = line.colon + size_t{1}, value_end = line.end;
  while (name_end > line.begin && is_lws(text[name_end - 1])) --name_end;
  while (value < value_end && is_lws(text[value])) ++value;
  while (value_end > value && is_lws(text[value_end - 1])) --value_end;
  std::string_view name(text + line.begin, name_end - line.begin);
  size_t readable = bytes_.size() - line.begin;
  HeaderName known = header_name(name, readable);
  if (known == HeaderName::kOther && !all_of(name, readable, kTokenChar)) {
    return Fault::kBadHeaderLine;
  }
  uint16_t index = static_cast<uint16_t>(count_++);
  fields_[index] = {line.begin,
                    static_cast<uint16_t>(name.size()),
                    static_cast<uint16_t>(value),
                    static_cast<uint16_t>(value_end - value),
                    static_cast<uint16_t>(line.end + 2),
                    kNoField,
                    known};
  size_t id = static_cast<size_t>(known);
  bool repeated = first_[id] != kNoField;
  (repeated ? fields_[last_[id]].next : first_[id]) = index;
  last_[id] = index;
  return repeated && single_valued(known) ? Fault::kRepeatedHeader : Fault::kNone;
}

Fault Message::parse(std::string_view datagram) {
  bytes_ = skip_empty_lines(datagram.substr(0, kMaxDatagram));
  word1_ = {};
  word2_ = {};  // each by itself: a copy of what is just stored has to wait for it
  count_ = body_begin_ = start_line_end_ = 0;
  status_ = 0;
  method_ = Method::kExtension;
  request_ = false;
  first_.fill(kNoField);
  if (bytes_.empty()) return Fault::kKeepalive;

  std::array<Line, kMaxHeaders + 1> lines;
  ScanResult scan = scan_lines(bytes_, lines);
  if (scan.lines == 0) return Fault::kNotSip;
  start_line_end_ = lines[0].end + 2U;
  Fault fault = parse_start_line(bytes_.substr(0, lines[0].end));
  if (fault == Fault::kNotSip || fault == Fault::kBadStatusLine) return fault;
  for (size_t i = 1; i < scan.lines; ++i) {
    Fault line_fault = add_field(lines[i]);
    if (fault == Fault::kNone) fault = line_fault;
  }
  if (scan.status != ScanStatus::kOk) {
    body_begin_ = bytes_.size();
    return fault == Fault::kNone ? fault_of(scan.status) : fault;
  }
  body_begin_ = scan.body_begin;
  Fault body_fault = frame_body();
  return fault == Fault::kNone ? body_fault : fault;
}

Fault Message::parse_start_line(std::string_view line) {
  bool response = line.size() > kVersion.size() && line[kVersion.size()] == ' ' &&
                  lower(line.front()) == 's' && other_version(line.substr(0, kVersion.size()));
  return response ? parse_status_line(line) : parse_request_line(line);
}

// Method SP Request-URI SP SIP-Version (RFC 3261 25.1), exactly one blank each.
Fault Message::parse_request_line(std::string_view line) {
  size_t blank = line.find(' ');
  word1_ = line.substr(0, blank);
  if (blank == std::string_view::npos || !all_of(word1_, kTokenChar)) return Fault::kNotSip;
  size_t last = line.size() - kVersionTail.size();
  std::string_view version = kVersion;
  if (!line.ends_with(kVersionTail)) {
    std::string_view trimmed = trim(line);
    last = trimmed.rfind(' ');
    version = trimmed.substr(last + 1);
    if (!other_version(version)) return Fault::kNotSip;
  }
  request_ = true;
  method_ = method_of(word1_);
  bool three_parts = last != blank && last + 1 + version.size() == line.size();
  if (three_parts) word2_ = line.substr(blank + 1, last - blank - 1);
  if (!equal_nocase(version, kVersion)) return Fault::kBadVersion;
  if (!three_parts) return Fault::kBadRequestLine;
  return all_of(word2_, kAbsoluteUriChar) ? Fault::kNone : Fault::kBadRequestUri;
}

// SIP-Version SP 3DIGIT SP Reason-Phrase; a missing last blank is tolerated.
Fault Message::parse_status_line(std::string_view line) {
  std::string_view rest = line.substr(kVersion.size() + 1);
  if (!equal_nocase(line.substr(0, kVersion.size()), kVersion)) return Fault::kBadStatusLine;
  auto status = parse_number(rest.substr(0, 3), 699);
  if (!status || *status < 100) return Fault::kBadStatusLine;
  if (rest.size() > 3 && rest[3] != ' ') return Fault::kBadStatusLine;
  status_ = static_cast<int>(*status);
  word1_ = rest.substr(0, 3);
  word2_ = rest.size() > 4 ? rest.substr(4) : std::string_view{};
  return Fault::kNone;
}

// RFC 3261 18.3: over UDP a body shorter than Content-Length is an error, a longer one is cut.
Fault Message::frame_body() {
  const HeaderField* field = first(HeaderName::kContentLength);
  if (field == nullptr) return Fault::kNone;
  auto length = parse_number(value(*field), UINT32_MAX);
  if (!length || *length > bytes_.size() - body_begin_) return Fault::kBadContentLength;
  bytes_ = bytes_.substr(0, body_begin_ + *length);
  return Fault::kNone;
}

std::string_view Message::value(HeaderName name) const {
  const HeaderField* field = first(name);
  return field == nullptr ? std::string_view{} : value(*field);
}

}  // namespace sipcore
