#include "tests/simulation/messages.h"

namespace tests {
namespace {

const sipcore::Message& parsed(const std::string& message) {
  static sipcore::Message reader;
  reader.parse(message);
  return reader;
}

}  // namespace

std::string text_of(const RequestText& r) {
  return r.method + " " + r.uri + " SIP/2.0\r\nVia: " + r.via +
         "\r\nMax-Forwards: 70\r\nFrom: " + r.from + "\r\nTo: " + r.to +
         "\r\nCall-ID: " + r.call_id + "\r\nCSeq: " + std::to_string(r.cseq) + " " + r.method +
         "\r\n" + r.headers + "Content-Length: " + std::to_string(r.body.size()) + "\r\n\r\n" +
         r.body;
}

std::string response_to(const std::string& request, int status, const std::string& to_tag,
                        const std::string& headers, const std::string& body) {
  const sipcore::Message& in = parsed(request);
  std::string out = "SIP/2.0 " + std::to_string(status) + " Reason\r\n";
  using sipcore::HeaderName;
  for (HeaderName name : {HeaderName::kVia, HeaderName::kRecordRoute, HeaderName::kFrom,
                          HeaderName::kTo, HeaderName::kCallId, HeaderName::kCSeq}) {
    for (auto* field = in.first(name); field; field = in.next(*field)) {
      out += std::string(spelling(name)) + ": " + std::string(in.value(*field));
      bool tag = name == HeaderName::kTo && in.value(*field).find(";tag=") == std::string::npos;
      if (tag && !to_tag.empty()) out += ";tag=" + to_tag;
      out += "\r\n";
    }
  }
  return out + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string header_of(const std::string& message, sipcore::HeaderName name) {
  return std::string(parsed(message).value(name));
}

int status_of(const std::string& message) { return parsed(message).status(); }

std::string method_of(const std::string& message) {
  const sipcore::Message& in = parsed(message);
  if (in.is_request()) return std::string(in.method_text());
  std::string cseq(in.value(sipcore::HeaderName::kCSeq));
  return cseq.substr(cseq.find(' ') + 1);
}

}  // namespace tests
