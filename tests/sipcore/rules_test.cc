// Which rules match a message, and what they change in it.
#include "sipcore/rules/rule_set.h"

#include <gtest/gtest.h>

#include <random>

#include "sipcore/rules/rewrite.h"
#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace tests {
namespace {

using sipcore::Condition;
using sipcore::Field;
using sipcore::HeaderChange;
using sipcore::Pattern;
using sipcore::Rule;
using sipcore::RuleSet;
using Kind = Field::Kind;
using How = Pattern::How;

Condition when(Kind kind, How how, const std::string& text, const std::string& header = {}) {
  return {{kind, header}, {{0, how, false, text}}};
}

class RulesTest : public testing::Test {
 protected:
  void add(std::vector<Condition> conditions) {
    Rule rule;
    rule.name = std::to_string(rules.size());
    rule.conditions = std::move(conditions);
    rules.push_back(rule);
  }
  // Names of the rules that match, in order.
  std::string match(const std::string& bytes, const std::string& source = "198.18.0.10:5060") {
    std::string fault;
    RuleSet set(rules, 1, fault);
    EXPECT_EQ(fault, "");
    return match(set, bytes, source);
  }
  std::string match(const RuleSet& set, const std::string& bytes, const std::string& source) {
    essentials.clear();
    EXPECT_EQ(sipcore::validate(message, message.parse(bytes), essentials), sipcore::Fault::kNone);
    sipcore::Subject subject{message, essentials, endpoint(source), endpoint(kListen), status};
    std::string out;
    uint64_t marks = 0;
    set.match(subject, 0, minute, marks, *work, [&](const Rule& rule) {
      out += (out.empty() ? "" : " ") + rule.name;
      marks |= rule.mark;
      return rule.verdict == sipcore::Verdict::kContinue;
    });
    return out;
  }

  std::vector<Rule> rules;
  sipcore::Message message;
  sipcore::Essentials essentials;
  std::unique_ptr<sipcore::RuleWork> work = std::make_unique<sipcore::RuleWork>();
  uint32_t minute = 0;
  int status = 0;
};

std::string to(const std::string& uri) {
  RequestText request;
  request.uri = uri;
  return text_of(request);
}

TEST_F(RulesTest, MatchExactTextPrefixAndExpression) {
  add({when(Kind::kUser, How::kExact, "1000")});
  add({when(Kind::kUser, How::kPrefix, "100")});
  add({when(Kind::kUser, How::kRegex, "^1[0-9]+$")});
  add({when(Kind::kUser, How::kRegex, "00")});
  add({});
  EXPECT_EQ(match(to("sip:1000@198.18.0.1")), "0 1 2 3 4");
  EXPECT_EQ(match(to("sip:10001@198.18.0.1")), "1 2 3 4");
  EXPECT_EQ(match(to("sip:x1000@198.18.0.1")), "3 4");
  EXPECT_EQ(match(to("sip:198.18.0.1")), "4");
}

TEST_F(RulesTest, HoldOnlyAsAWhole) {
  add({when(Kind::kMethod, How::kExact, "INVITE"), when(Kind::kHost, How::kExact, "a.example"),
       when(Kind::kUser, How::kPrefix, "1")});
  EXPECT_EQ(match(to("sip:1@a.example")), "0");
  EXPECT_EQ(match(to("sip:1@b.example")), "");
  EXPECT_EQ(match(to("sip:2@a.example")), "");
}

TEST_F(RulesTest, TakeAnyOfTheTextsOfOneField) {
  add({{{Kind::kUser, ""}, {{0, How::kExact, false, "1"}, {0, How::kPrefix, false, "2"}}}});
  EXPECT_EQ(match(to("sip:1@h")), "0");
  EXPECT_EQ(match(to("sip:23@h")), "0");
  EXPECT_EQ(match(to("sip:13@h")), "");
}

// What must not be there, beside what must; what is not said at all is not there either.
TEST_F(RulesTest, HoldWhereNoneOfTheTextsIsFound) {
  Condition not_ten = when(Kind::kUser, How::kPrefix, "10");
  not_ten.any.push_back({0, How::kExact, false, "20"});
  not_ten.none = true;
  Condition no_agent = when(Kind::kHeader, How::kRegex, ".", "user-agent");
  no_agent.none = true;
  add({not_ten});
  add({when(Kind::kUser, How::kRegex, "0$"), not_ten});
  add({when(Kind::kUser, How::kPrefix, "10")});
  add({no_agent});
  EXPECT_EQ(match(to("sip:1000@h")), "2 3");
  EXPECT_EQ(match(to("sip:20@h")), "3");
  EXPECT_EQ(match(to("sip:30@h")), "0 1 3");
  EXPECT_EQ(match(to("sip:h")), "0 3");
  RequestText request;
  request.headers += "User-Agent: x\r\n";
  request.uri = "sip:31@h";
  EXPECT_EQ(match(text_of(request)), "0");
}

// RFC 3261 19.1.4: a host is the same in either case, a user is not; an escape is the character.
TEST_F(RulesTest, CannotBeAvoidedByAnotherSpelling) {
  add({when(Kind::kUser, How::kPrefix, "+4900")});
  add({when(Kind::kUser, How::kExact, "Bob")});
  add({when(Kind::kHost, How::kExact, "Bad.example")});
  EXPECT_EQ(match(to("sip:%2B49001@h")), "0");
  EXPECT_EQ(match(to("sip:%2b%34900@h")), "0");
  EXPECT_EQ(match(to("tel:+49-00.1")), "0");
  EXPECT_EQ(match(to("sip:bob@BAD.EXAMPLE")), "2");
  EXPECT_EQ(match(to("sip:B%6fb@h")), "1");
}

// RFC 3966 3: separators and parameters of a number say nothing; a dot ends a host name.
TEST_F(RulesTest, SeeANumberHoweverItIsSpelled) {
  add({when(Kind::kUser, How::kPrefix, "00")});
  add({when(Kind::kUser, How::kExact, "1000")});
  add({when(Kind::kHost, How::kExact, "bad.example")});
  EXPECT_EQ(match(to("sip:0-0-49301@h;user=phone")), "0");
  EXPECT_EQ(match(to("sip:%30%30-49@h")), "0");
  EXPECT_EQ(match(to("sip:1000;x=y@h")), "1");
  EXPECT_EQ(match(to("sip:10.00@h")), "1");
  EXPECT_EQ(match(to("sip:b.1000@h")), "");
  EXPECT_EQ(match(to("sip:a@bad.example.")), "2");
}

// What a rule says of a number may have separators too.
TEST_F(RulesTest, MayBeWrittenWithSeparators) {
  add({when(Kind::kUser, How::kExact, "555-0100")});
  add({when(Kind::kUser, How::kPrefix, "(555)")});
  EXPECT_EQ(match(to("sip:5550100@h")), "0 1");
  EXPECT_EQ(match(to("sip:555.0100@h")), "0 1");
}

// "Anything but" is not the end of the value, however it is written.
TEST_F(RulesTest, DoNotMatchTheEndOfAValue) {
  for (const char* regex : {"^0[^0]", "^0\\D", "^0\\s", "^0[[:^digit:]]", "^0(?s).", "^0[\\s]"}) {
    add({when(Kind::kUser, How::kRegex, regex)});
  }
  add({when(Kind::kUser, How::kRegex, "^0$")});
  EXPECT_EQ(match(to("sip:0@h")), "6");
  EXPECT_EQ(match(to("sip:0a@h")), "0 1 3 4");
}

// Texts that differ only in case are one where case does not matter.
TEST_F(RulesTest, DoNotHideOneAnother) {
  add({when(Kind::kHost, How::kExact, "Example.com")});
  add({when(Kind::kHost, How::kExact, "example.com")});
  EXPECT_EQ(match(to("sip:a@EXAMPLE.com")), "0 1");
}

TEST_F(RulesTest, SeeHeaderFieldsByEitherName) {
  add({when(Kind::kHeader, How::kExact, "Hello", "subject")});
  add({when(Kind::kHeader, How::kRegex, ".", "x-customer")});
  add({when(Kind::kHeader, How::kExact, "", "x-customer")});
  add({when(Kind::kHeader, How::kExact, "a, b", "x-two")});
  RequestText request;
  request.headers += "s: hello\r\nX-Two: a\r\nx-two: b\r\n";
  EXPECT_EQ(match(text_of(request)), "0 2 3");
  request.headers += "X-CUSTOMER: acme\r\n";
  EXPECT_EQ(match(text_of(request)), "0 1 3");
}

// What a value holds is never the beginning of the next one, and no expression reaches over its
// end.
TEST_F(RulesTest, KeepFieldsApart) {
  add({when(Kind::kFromUser, How::kRegex, "[^x]*bob")});
  add({when(Kind::kFromUser, How::kRegex, "alice\\W+bob")});
  add({when(Kind::kFromUser, How::kRegex, "alice.*bob")});
  add({when(Kind::kFromUser, How::kRegex, "(?s)alice.*bob")});
  add({when(Kind::kFromUser, How::kRegex, "alice[[:^digit:]]*bob")});
  add({when(Kind::kToUser, How::kExact, "bob")});
  add({when(Kind::kHeader, How::kPrefix, "bob", "subject")});
  RequestText request;
  EXPECT_EQ(match(text_of(request)), "5");
  request.headers +=
      "Subject: x\r\n \x01"
      "0\r\n bob\r\n";
  EXPECT_EQ(match(text_of(request)), "5");
}

TEST_F(RulesTest, SeeWhereItCameFrom) {
  add({when(Kind::kSource, How::kPrefix, "4c612000a")});
  add({when(Kind::kSource, How::kPrefix, "4c612")});
  add({when(Kind::kSourcePort, How::kExact, "5060")});
  add({when(Kind::kListen, How::kExact, kListen)});
  EXPECT_EQ(match(to("sip:a@h")), "0 1 2 3");
  EXPECT_EQ(match(to("sip:a@h"), "198.18.1.10:5061"), "1 3");
  EXPECT_EQ(match(to("sip:a@h"), "[2001:db8::1]:5060"), "2 3");
}

TEST_F(RulesTest, GoByTimesAndMarks) {
  add({});
  rules[0].mark = 1;
  rules[0].times = {{0x1f, 8 * 60, 18 * 60}};  // working days
  add({});
  rules[1].marked = 1;
  add({});
  rules[2].not_marked = 1;
  minute = 8 * 60;
  EXPECT_EQ(match(to("sip:a@h")), "0 1");
  minute = 18 * 60;
  EXPECT_EQ(match(to("sip:a@h")), "2");
  minute = 5 * 24 * 60 + 9 * 60;  // Saturday
  EXPECT_EQ(match(to("sip:a@h")), "2");
}

TEST(TimeSpanTest, GoesOverMidnight) {
  sipcore::TimeSpan night{1 << 6, 22 * 60, 6 * 60};  // of Sunday
  EXPECT_FALSE(night.contains(6 * 1440 + 22 * 60 - 1));
  EXPECT_TRUE(night.contains(6 * 1440 + 22 * 60));
  EXPECT_TRUE(night.contains(5 * 60 + 59));  // Monday
  EXPECT_FALSE(night.contains(6 * 60));
  EXPECT_FALSE(night.contains(1440 + 60));
}

TEST_F(RulesTest, StopWhenOneDecides) {
  add({});
  rules[0].verdict = sipcore::Verdict::kStop;
  add({});
  EXPECT_EQ(match(to("sip:a@h")), "0");
}

TEST_F(RulesTest, NameWhatIsWrong) {
  EXPECT_EQ(sipcore::fault_of_regex("^(a|b)$"), "");
  for (const char* bad : {"(", "a)|(b", "^a|b", "a(?=b)", "\\Aa", "(a)\\1", "[", "(?x)a # "}) {
    EXPECT_NE(sipcore::fault_of_regex(bad), "") << bad;
  }
}

// The words of bits and the one scan say the same as looking at each condition by itself.
TEST_F(RulesTest, AgreeWithTheSlowWay) {
  std::mt19937 random(7);
  auto digits = [&](size_t most) {
    std::string out;
    for (size_t i = random() % most + 1; i > 0; --i) out += static_cast<char>('1' + random() % 3);
    return out;
  };
  const Kind kinds[] = {Kind::kUser, Kind::kHost, Kind::kFromUser, Kind::kToUser};
  for (int i = 0; i < 700; ++i) {
    std::vector<Condition> conditions;
    for (Kind kind : kinds) {
      if (random() % 3 != 0) continue;
      How how = random() % 2 == 0 ? How::kExact : How::kPrefix;
      Condition condition = when(kind, how, digits(2));
      if (random() % 2 == 0) condition.any.push_back({0, How::kPrefix, false, digits(2)});
      conditions.push_back(condition);
    }
    add(conditions);
  }
  std::string fault;
  RuleSet set(rules, 1, fault);
  for (int i = 0; i < 200; ++i) {
    std::map<Kind, std::string> values;
    for (Kind kind : kinds) values[kind] = digits(3);
    RequestText request;
    request.uri = "sip:" + values[Kind::kUser] + "@" + values[Kind::kHost];
    request.from = "<sip:" + values[Kind::kFromUser] + "@h>;tag=1";
    request.to = "<sip:" + values[Kind::kToUser] + "@h>";
    std::string expected;
    for (const Rule& rule : rules) {
      bool all = true;
      for (const Condition& condition : rule.conditions) {
        const std::string& value = values[condition.field.kind];
        bool any = false;
        for (const Pattern& one : condition.any) {
          any |= one.how == How::kExact ? value == one.text : value.starts_with(one.text);
        }
        all &= any;
      }
      if (all) expected += (expected.empty() ? "" : " ") + rule.name;
    }
    ASSERT_EQ(match(set, text_of(request), "198.18.0.10:5060"), expected);
  }
}

class RewriteTest : public RulesTest {
 protected:
  // The message as the rules make it.
  std::string rewritten(const std::string& bytes) {
    essentials.clear();
    EXPECT_EQ(sipcore::validate(message, message.parse(bytes), essentials), sipcore::Fault::kNone);
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
