// The SIP texts of the load generator. Every message carries the number of its call as sixteen hex
// digits, so that what comes back names its call at a known place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace load {

// A text with the number of a call in several places.
class Template {
 public:
  // `text` with "#" where the number goes.
  explicit Template(std::string_view text);
  size_t size() const { return text_.size(); }
  // Writes it with the number; returns the end.
  char* write(char* out, uint64_t number) const;

 private:
  std::string text_;
  std::vector<size_t> places_;
};

// What is read of a message that came in, and nothing more.
struct Arrived {
  int status = 0;   // 0: a request
  char method = 0;  // first letter of a request's method
  uint64_t number = 0;
  char cseq = 0;                  // first digit of the CSeq
  std::string_view head;          // Via and Record-Route lines, as they are
  std::string_view record_route;  // value of the first one
};

// False: not a message of this generator.
bool read(std::string_view message, Arrived& out);

// The texts. A request of the caller in a call is its start, the Route line, and the rest.
struct Texts {
  Template invite, scan, options, message, ack_start, ack_rest, bye_start, bye_rest,
      dialog_options_start, dialog_options_rest, ringing_rest, answer_rest, bye_answer_rest,
      options_answer_rest, message_answer_rest, stale_response;
  Texts();
};

}  // namespace load
