#include "perf/load/text.h"

#include <cstring>

#include "sipcore/build/hex.h"
#include "sipcore/grammar/char_run.h"

namespace load {
namespace {

const std::string kCallerText = "198.18.0.110:5060";
const std::string kCalleeText = "198.18.0.121:5060";

const std::string kSdp =
    "v=0\r\no=- 3344 3344 IN IP4 198.18.0.110\r\ns=-\r\nc=IN IP4 198.18.0.110\r\nt=0 0\r\n"
    "m=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n";

// From to CSeq, the same in every message of a call but for the tag of the callee.
std::string parties(const std::string& cseq, bool tagged) {
  return "From: <sip:#@198.18.0.110>;tag=a#\r\nTo: <sip:#@198.18.0.1>" +
         std::string(tagged ? ";tag=b#" : "") + "\r\nCall-ID: #@198.18.0.110\r\nCSeq: " + cseq +
         "\r\n";
}

std::string via(char kind) {
  return "Via: SIP/2.0/UDP " + kCallerText + ";branch=z9hG4bK#" + kind + "\r\n";
}

std::string sdp_body() {
  return "Content-Type: application/sdp\r\nContent-Length: " + std::to_string(kSdp.size()) +
         "\r\n\r\n" + kSdp;
}

const std::string kNoBody = "Content-Length: 0\r\n\r\n";
const std::string kServerLines = "Server: load\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n";
const std::string kHops = "Max-Forwards: 70\r\n";
const std::string kContact = "Contact: <sip:#@" + kCalleeText + ">\r\n";

std::string start(const std::string& method, char kind) {
  return method + " sip:#@" + kCalleeText + " SIP/2.0\r\n" + via(kind);
}

constexpr std::string_view kFrom = "From: <sip:";
// From the begin of From to the digit of CSeq, where To has a tag.
const size_t kToCSeq = parties("", true).size() - 2 + 5 * (sipcore::kHexDigits - 1);

}  // namespace

Template::Template(std::string_view text) {
  for (char c : text) {
    if (c == '#') places_.push_back(text_.size());
    text_.append(c == '#' ? sipcore::kHexDigits : 1, c);
  }
}

char* Template::write(char* out, uint64_t number) const {
  std::memcpy(out, text_.data(), text_.size());
  char digits[sipcore::kHexDigits];
  sipcore::write_hex(number, digits);
  for (size_t place : places_) std::memcpy(out + place, digits, sizeof digits);
  return out + text_.size();
}

bool read(std::string_view message, Arrived& out) {
  bool response = message.starts_with("SIP/2.0 ") && message.size() > 12;
  out.status =
      response ? (message[8] - '0') * 100 + (message[9] - '0') * 10 + message[10] - '0' : 0;
  out.method = message.empty() ? '\0' : message.front();
  size_t line = sipcore::find_char(message, 0, '\n') + 1, head = line;
  out.record_route = {};
  while (line < message.size() && !message.substr(line).starts_with(kFrom)) {
    size_t end = sipcore::find_char(message, line, '\n') + 1;
    std::string_view text = message.substr(line, end - line);
    if (out.record_route.empty() && text.starts_with("Record-Route: ")) {
      out.record_route = text.substr(14, text.size() - 16);
    }
    line = end;
  }
  if (line + kFrom.size() + sipcore::kHexDigits > message.size()) return false;
  out.head = message.substr(head, line - head);
  size_t cseq = line + kToCSeq;
  out.cseq = cseq < message.size() ? message[cseq] : '\0';
  return sipcore::read_hex(message.data() + line + kFrom.size(), out.number);
}

Texts::Texts()
    : invite("INVITE sip:#@198.18.0.1 SIP/2.0\r\n" + via('i') + parties("1 INVITE", false) +
             "Contact: <sip:#@" + kCallerText + ">\r\n" + kHops + sdp_body()),
      scan("REGISTER sip:198.18.0.1 SIP/2.0\r\n" + via('r') + parties("1 REGISTER", false) +
           "User-Agent: friendly-scanner\r\n" + kHops + kNoBody),
      options("OPTIONS sip:198.18.0.1 SIP/2.0\r\n" + via('o') + parties("1 OPTIONS", false) +
              kHops + kNoBody),
      message("MESSAGE sip:#@198.18.0.1 SIP/2.0\r\n" + via('m') + parties("1 MESSAGE", false) +
              kHops + "Content-Type: text/plain\r\nContent-Length: 12\r\n\r\nHow are you?"),
      ack_start(start("ACK", 'a')),
      ack_rest(parties("1 ACK", true) + kHops + kNoBody),
      bye_start(start("BYE", 'b')),
      bye_rest(parties("2 BYE", true) + kHops + kNoBody),
      dialog_options_start(start("OPTIONS", 'd')),
      dialog_options_rest(parties("3 OPTIONS", true) + kHops + kNoBody),
      ringing_rest(parties("1 INVITE", true) + kContact + kNoBody),
      answer_rest(parties("1 INVITE", true) + kContact + sdp_body()),
      bye_answer_rest(parties("2 BYE", true) + kServerLines + kNoBody),
      options_answer_rest(parties("3 OPTIONS", true) + kNoBody),
      message_answer_rest(parties("1 MESSAGE", true) + kNoBody),
      stale_response(
          "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.18.0.1:5060;branch=z9hG4bKt00###"
          "\r\n" +
          via('i') + parties("1 INVITE", true) + kNoBody) {}

}  // namespace load
