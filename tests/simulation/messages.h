// SIP messages as plain text for tests: what a simple, correct user agent would write.
#pragma once

#include <string>

#include "sipcore/grammar/message.h"

namespace tests {

struct RequestText {
  std::string method = "INVITE";
  std::string uri = "sip:bob@198.18.0.1";
  std::string via = "SIP/2.0/UDP 198.18.0.10:5060;branch=z9hG4bKa1";
  std::string from = "<sip:alice@198.18.0.10>;tag=alice";
  std::string to = "<sip:bob@198.18.0.1>";
  std::string call_id = "call-1@198.18.0.10";
  int cseq = 1;
  std::string headers = "Contact: <sip:alice@198.18.0.10:5060>\r\n";  // whole lines
  std::string body;
};

std::string text_of(const RequestText& request);

// The response of a user agent to a request that it got: Via, Record-Route, From, To with `to_tag`,
// Call-ID and CSeq taken over, `headers` added as whole lines.
std::string response_to(const std::string& request, int status, const std::string& to_tag,
                        const std::string& headers = {}, const std::string& body = {});

// One header value of a message, in full for the first field of that name; empty: none.
std::string header_of(const std::string& message, sipcore::HeaderName name);
int status_of(const std::string& message);          // 0: a request
std::string method_of(const std::string& message);  // of a request, or of a response's CSeq

}  // namespace tests
