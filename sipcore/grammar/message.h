// A SIP message as offsets over the bytes it came in (RFC 3261 7). Nothing is copied, nothing is
// allocated; the buffer must outlive the Message, which a worker reuses for packet after packet.
//
//   bytes():  INVITE sip:bob@b SIP/2.0 | Via: ... | i: 77@a | ... |(empty)| body
//             start line                 field 0    field 1
//   first(kVia) -> field 0 -> next(field) -> ... in the order of the message
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sipcore/grammar/fault.h"
#include "sipcore/grammar/header_name.h"
#include "sipcore/grammar/method.h"
#include "sipcore/grammar/scan.h"

namespace sipcore {

inline constexpr size_t kMaxHeaders = 256;
inline constexpr uint16_t kNoField = 0xffff;

// Offsets from the start of bytes().
struct HeaderField {
  uint16_t begin;  // first byte of the name
  uint16_t name_size;
  uint16_t value;       // first byte of the value, white space skipped
  uint16_t value_size;  // without white space at its end; folds are left in
  uint16_t end;         // one past the CR LF
  uint16_t next;        // index of the next field of the same name, or kNoField
  HeaderName name;
};

class Message {
 public:
  // Indexes a datagram. On a fault what was found before it can still be read, so that an answer
  // can be built; the caller decides by status_of(fault) and is_request(). At most 65,535 bytes.
  Fault parse(std::string_view datagram);

  // From the first byte of the start line to the last byte of the body; what a datagram holds
  // before (empty lines) and behind (RFC 3261 18.3) is not part of the message.
  std::string_view bytes() const { return bytes_; }
  std::string_view body() const { return bytes_.substr(body_begin_); }
  size_t body_begin() const { return body_begin_; }
  size_t start_line_end() const { return start_line_end_; }  // one past its CR LF

  bool is_request() const { return request_; }
  Method method() const { return method_; }  // of a request
  std::string_view method_text() const { return word1_; }
  std::string_view uri_text() const { return word2_; }
  int status() const { return status_; }  // of a response
  std::string_view reason() const { return word2_; }

  size_t field_count() const { return count_; }
  const HeaderField& field(size_t index) const { return fields_[index]; }
  const HeaderField* first(HeaderName name) const { return at(first_[static_cast<size_t>(name)]); }
  const HeaderField* next(const HeaderField& field) const { return at(field.next); }
  std::string_view name(const HeaderField& field) const {
    return bytes_.substr(field.begin, field.name_size);
  }
  std::string_view value(const HeaderField& field) const {
    return bytes_.substr(field.value, field.value_size);
  }
  // Value of the first field of that name; empty where there is none.
  std::string_view value(HeaderName name) const;
  // The whole line or lines of a field, with the CR LF.
  std::string_view line(const HeaderField& field) const {
    return bytes_.substr(field.begin, field.end - field.begin);
  }
  size_t offset_of(std::string_view part) const {
    return static_cast<size_t>(part.data() - bytes_.data());
  }

 private:
  const HeaderField* at(uint16_t index) const {
    return index == kNoField ? nullptr : &fields_[index];
  }
  Fault parse_start_line(std::string_view line);
  Fault parse_request_line(std::string_view line);
  Fault parse_status_line(std::string_view line);
  Fault add_field(const Line& line);
  Fault frame_body();

  std::string_view bytes_;
  std::string_view word1_;
  std::string_view word2_;
  size_t body_begin_ = 0;
  size_t start_line_end_ = 0;
  size_t count_ = 0;
  int status_ = 0;
  Method method_ = Method::kExtension;
  bool request_ = false;
  std::array<uint16_t, kHeaderNames> first_{};
  std::array<uint16_t, kHeaderNames> last_{};
  std::array<HeaderField, kMaxHeaders> fields_;  // only the first count_ are meaningful
};

}  // namespace sipcore
