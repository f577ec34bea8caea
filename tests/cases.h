// Message cases: readable files with a message in one block and what must come of it in the next.
//
//   # anything before the first block explains the case
//   === message
//   INVITE sip:bob@example.com SIP/2.0       each line ends with CR LF on the wire
//   === expect
//   verdict: reject                          forward, reject or drop
//   code: 400
//
// Marks in a message line: {{hex 00 7f}} bytes, {{repeat 32 abc}} text many times, {{sp}} and
// {{tab}},
// {{join}} no CR LF after this line, {{end}} the message ends here.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace tests {

struct Case {
  std::string name;     // file name without folder and ending
  std::string message;  // the bytes
  std::map<std::string, std::string> expect;
};

// All *.case files below a folder, in order. Throws a sentence that names file and line.
std::vector<Case> read_cases(const std::string& folder);

}  // namespace tests
