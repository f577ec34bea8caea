// Which rules match a message.
#include "sipcore/rules/rule_set.h"

#include <random>

#include "tests/simulation/node.h"
#include "tests/sipcore/rules_fixture.h"

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

class RulesTest : public RulesFixture {
 protected:
  // Names of the rules that match, in order.
  std::string match(const std::string& bytes, const std::string& source = "198.18.0.10:5060") {
    std::string fault;
    RuleSet set(rules, 1, fault);
    EXPECT_EQ(fault, "");
    return match(set, bytes, source);
  }
  std::string match(const RuleSet& set, const std::string& bytes, const std::string& source) {
    read(bytes);
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

  std::unique_ptr<sipcore::RuleWork> work = std::make_unique<sipcore::RuleWork>();
  uint32_t minute = 0;
  int status = 0;
};

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

}  // namespace
}  // namespace tests
