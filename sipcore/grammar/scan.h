// Finds the lines of a message's header section: where each begins, its first colon, where it ends.
//
//   INVITE sip:a@b SIP/2.0 CR LF Subject: one CR LF SP two CR LF CR LF body
//   ^begin        end^           ^   ^colon               ^end      ^ header section ends here
//
// A line that begins with SP or HT continues the one before it (RFC 3261 7.3.1) and is part of it.
// CR and LF must come as the pair CR LF: a lone one is refused, because servers disagree on what it
// means and a header could hide behind it. The body is not read.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sipcore {

inline constexpr uint16_t kNoColon = 0xffff;
inline constexpr size_t kMaxDatagram = 65535;

// Offsets from the start of the text. `end` is the offset of the closing CR.
struct Line {
  uint16_t begin;
  uint16_t colon;  // of the first physical line, or kNoColon
  uint16_t end;
  friend bool operator==(const Line&, const Line&) = default;
};

enum class ScanStatus : uint8_t {
  kOk,
  kLoneLineBreak,  // CR without LF or LF without CR
  kNoEmptyLine,    // the header section does not end
  kTooManyLines,
  kLeadingFold,  // the line after the start line begins with white space
};

struct ScanResult {
  ScanStatus status;
  uint16_t lines;       // complete lines, the start line among them, also where it is refused
  uint16_t body_begin;  // first byte after the empty line
  friend bool operator==(const ScanResult&, const ScanResult&) = default;
};

// Text is at most kMaxDatagram bytes. Picks the widest vector code the processor has.
ScanResult scan_lines(std::string_view text, std::span<Line> lines);

// The plain twin: same answer for every input, a byte at a time. The fuzzer compares the two.
ScanResult scan_lines_plain(std::string_view text, std::span<Line> lines);

}  // namespace sipcore
