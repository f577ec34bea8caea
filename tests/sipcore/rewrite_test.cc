// What rules change in a message.
#include "sipcore/rules/rewrite.h"

#include "tests/simulation/node.h"
#include "tests/sipcore/rules_fixture.h"

namespace tests {
namespace {

using sipcore::Field;
using sipcore::HeaderChange;
using sipcore::Rule;
using Kind = Field::Kind;

class RewriteTest : public RulesFixture {
 protected:
  // The message as the rules make it.
  std::string rewritten(const std::string& bytes) {
    read(bytes);
    sipcore::Rewrite changes;
    for (const Rule& rule : rules) changes.add(rule);
    sipcore::Subject subject{message, essentials, endpoint("198.18.0.10:5060"), endpoint(kListen)};
    std::vector<char> texts(65536), out(65536);
    sipcore::Writer writer(texts);
    sipcore::EditList edits;
    if (!changes.list(subject, writer, edits)) return "none";
    return {out.data(), apply_copy(edits, bytes, out)};
  }
  std::string uri_of(const std::string& bytes) {
    std::string out = rewritten(bytes);
    return out.substr(7, out.find(" SIP/2.0") - 7);
  }
  void header(HeaderChange::What what, const std::string& name, const std::string& value = {}) {
    add({});
    rules.back().headers.push_back({what, name, {{value, std::nullopt}}});
  }
};

TEST_F(RewriteTest, ChangesTheUserAndTheHost) {
  add({});
  rules[0].strip = 2;
  rules[0].prefix = "+";
  EXPECT_EQ(uri_of(to("sip:0049123;npdi@h:5070;user=phone")), "sip:+49123;npdi@h:5070;user=phone");
  EXPECT_EQ(uri_of(to("tel:0049123;phone-context=x")), "tel:+49123;phone-context=x");
  EXPECT_EQ(uri_of(to("sip:h")), "sip:+@h");
  rules[0].prefix = "";
  EXPECT_EQ(uri_of(to("sip:1@h;lr")), "sip:h;lr");
  rules[0].set_host = "pstn.example:5080";
  EXPECT_EQ(uri_of(to("sip:a:secret@h:5070;lr")), "sip:pstn.example:5080;lr");
  rules[0].strip = 0;
  EXPECT_EQ(uri_of(to("sip:a:secret@h")), "sip:a:secret@pstn.example:5080");
  add({});
  rules[1].set_user = "bob";
  EXPECT_EQ(uri_of(to("sip:a:secret@[2001:db8::1]:5070")), "sip:bob@pstn.example:5080");
}

TEST_F(RewriteTest, ChangesHeaderFields) {
  RequestText request;
  request.headers = "s: one\r\nX-A: 1\r\nx-a: 2\r\nX-Last: z\r\n";
  std::string before = text_of(request);
  header(HeaderChange::What::kAdd, "X-New", "n");
  header(HeaderChange::What::kReplace, "Subject", "two");
  header(HeaderChange::What::kRemove, "X-A");
  std::string after = rewritten(before);
  EXPECT_NE(after.find("X-New: n\r\n"), after.npos);
  EXPECT_NE(after.find("Subject: two\r\n"), after.npos);
  EXPECT_EQ(after.find("s: one"), after.npos);
  EXPECT_EQ(after.find("X-A"), after.npos);
  EXPECT_EQ(after.find("x-a"), after.npos);
  sipcore::Message parsed;
  sipcore::Essentials read;
  EXPECT_EQ(sipcore::validate(parsed, parsed.parse(after), read), sipcore::Fault::kNone);
  EXPECT_EQ(parsed.field_count(), message.field_count() - 1);
}

TEST_F(RewriteTest, RemovesTheLastFieldAndAddsOne) {
  std::string before = text_of({});
  EXPECT_EQ(sipcore::validate(message, message.parse(before), essentials), sipcore::Fault::kNone);
  std::string last(message.name(message.field(message.field_count() - 1)));
  header(HeaderChange::What::kReplace, last, "0");
  std::string after = rewritten(before);
  std::string line = "\r\n" + last + ": 0\r\n";
  EXPECT_NE(after.find(line), after.npos) << after;
  EXPECT_EQ(after.find(line), after.rfind(line));
}

// As many characters as the rule has seen.
TEST_F(RewriteTest, StripsCharactersHoweverTheyAreSpelled) {
  add({});
  rules[0].strip = 2;
  rules[0].prefix = "+";
  EXPECT_EQ(uri_of(to("sip:%30%3049301@h")), "sip:+49301@h");
  EXPECT_EQ(uri_of(to("tel:0-0-49301")), "tel:+49301");
  EXPECT_EQ(uri_of(to("sip:a-b-c@h")), "sip:+b-c@h");
  EXPECT_EQ(uri_of(to("sip:0%2D0491@h")), "sip:+491@h");
  EXPECT_EQ(uri_of(to("sip:1;x=y@h")), "sip:+;x=y@h");
}

// An escape of the caller must not become a delimiter of ours.
TEST_F(RewriteTest, PutsUsersIntoHeadersAsTheyCame) {
  add({});
  rules[0].headers.push_back({HeaderChange::What::kAdd,
                              "P-Asserted-Identity",
                              {{"<sip:", Field{Kind::kFromUser, ""}}, {"@trunk>", std::nullopt}}});
  RequestText request;
  request.from = "<sip:x%40evil%3E%2C%3Csip:ceo@h>;tag=1";
  EXPECT_NE(rewritten(text_of(request)).find("<sip:x%40evil%3E%2C%3Csip@trunk>"),
            std::string::npos);
}

TEST_F(RewriteTest, PutsFieldsIntoHeaders) {
  add({});
  rules[0].headers.push_back(
      {HeaderChange::What::kAdd,
       "X-Who",
       {{"user ", Field{Kind::kFromUser, ""}}, {" from ", Field{Kind::kSource, ""}}}});
  EXPECT_NE(rewritten(text_of({})).find("X-Who: user alice from 198.18.0.10\r\n"),
            std::string::npos);
}

TEST_F(RewriteTest, GivesUpWhereAMessageHasTooMuchToChange) {
  RequestText request;
  for (int i = 0; i < 60; ++i) request.headers += "X-A: 1\r\n";
  header(HeaderChange::What::kRemove, "X-A");
  EXPECT_EQ(rewritten(text_of(request)).find("X-A"), std::string::npos);
  request.headers.clear();
  for (int i = 0; i < 30; ++i) request.headers += "X-A: 1\r\nX-B: 2\r\n";
  EXPECT_EQ(rewritten(text_of(request)), "none");
}

}  // namespace
}  // namespace tests
