// The message cases of tests/cases: RFC 4475, RFC 5118, and our own.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "sipcore/proxy/validate.h"
#include "tests/cases.h"

namespace tests {
namespace {

std::string folder() { return std::string(TANDEM_SOURCE) + "/tests/cases"; }

std::map<std::string, std::string> outcome(std::string_view bytes) {
  sipcore::Message message;
  sipcore::Essentials essentials;
  sipcore::Fault fault = sipcore::validate(message, message.parse(bytes), essentials);
  int status = sipcore::status_of(fault);
  std::map<std::string, std::string> out;
  out["verdict"] = fault == sipcore::Fault::kNone ? "forward" : status == 0 ? "drop" : "reject";
  if (status != 0) out["code"] = std::to_string(status);
  out["kind"] = message.is_request() ? "request" : "response";
  out["method"] = message.method_text();
  out["uri"] = message.uri_text();
  out["body_length"] = std::to_string(message.body().size());
  out["reason"] = sipcore::phrase_of(fault);
  return out;
}

TEST(Cases, EachComesOutAsItsFileSays) {
  for (const Case& one : read_cases(folder())) {
    SCOPED_TRACE(one.name);
    auto got = outcome(one.message);
    for (const auto& [key, wanted] : one.expect) {
      EXPECT_EQ(got[key], wanted) << one.name << ": " << key << " (" << got["reason"] << ")";
    }
  }
}

TEST(Cases, AllOfThemAreThere) {
  EXPECT_EQ(read_cases(folder() + "/rfc4475").size(), 49u);
  EXPECT_EQ(read_cases(folder() + "/rfc5118").size(), 12u);
}

// Every case cut off at every byte, in a block of exactly its size: a read past the datagram is
// seen by the address sanitizer, and whatever the verdict is, there is one.
TEST(Cases, CutOffAnywhere) {
  for (const Case& one : read_cases(folder())) {
    for (size_t size = 0; size < one.message.size(); size += 1 + one.message.size() / 2000) {
      auto exact = std::make_unique<char[]>(size);
      std::copy_n(one.message.begin(), size, exact.get());
      outcome({exact.get(), size});
    }
  }
}

}  // namespace
}  // namespace tests
