// Bounded output: text goes into a buffer that the caller owns; what does not fit sets full() and
// nothing more is written. One pass, no length computed beforehand.
#pragma once

#include <charconv>
#include <cstring>
#include <span>
#include <string_view>

#include "sipcore/build/hex.h"
#include "sipcore/grammar/ip.h"

namespace sipcore {

class Writer {
 public:
  explicit Writer(std::span<char> out) : out_(out) {}

  Writer& add(std::string_view text) {
    if (text.size() > out_.size() - size_) full_ = true;
    if (full_ || text.empty()) return *this;
    std::memcpy(out_.data() + size_, text.data(), text.size());
    size_ += text.size();
    return *this;
  }

  Writer& add_number(uint64_t number) {
    char digits[20];
    char* end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return add({digits, static_cast<size_t>(end - digits)});
  }

  // The lowest `digits` digits, at most 16.
  Writer& add_hex(uint64_t number, size_t digits) {
    char text[kHexDigits];
    write_hex(number, text);
    return add({text + kHexDigits - digits, digits});
  }

  Writer& add_ip(const IpAddress& ip) {
    char text[kIpTextMost + 8];
    return add(format_ip(ip, text));
  }

  Writer& add_endpoint(const Endpoint& endpoint) {
    char text[kEndpointTextMost + 8];
    return add(format_endpoint(endpoint, text));
  }

  bool full() const { return full_; }
  size_t size() const { return size_; }
  std::string_view text() const { return {out_.data(), size_}; }

 private:
  std::span<char> out_;
  size_t size_ = 0;
  bool full_ = false;
};

}  // namespace sipcore
