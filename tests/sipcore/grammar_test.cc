#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <utility>

#include "sipcore/grammar/char_run.h"
#include "sipcore/grammar/find_field.h"
#include "sipcore/grammar/ip.h"
#include "sipcore/grammar/message.h"
#include "sipcore/grammar/name_addr.h"
#include "sipcore/grammar/number.h"
#include "sipcore/grammar/params.h"
#include "sipcore/grammar/scan.h"
#include "sipcore/grammar/uri.h"
#include "sipcore/grammar/via.h"
#include "sipcore/proxy/validate.h"
#include "tests/simulation/messages.h"

namespace sipcore {
namespace {

TEST(Number, StopsAtItsBoundInsteadOfWrapping) {
  EXPECT_EQ(parse_number("0068", 255), 68u);
  EXPECT_EQ(parse_number("255", 255), 255u);
  for (const char* bad : {"256", "", "-1", "5x", "4294967296", "18446744073709551617"}) {
    EXPECT_FALSE(parse_number(bad, 255)) << bad;
  }
}

// Every byte at every place, in texts shorter and longer than a step, in every class.
TEST(CharRun, SameAsItsPlainTwin) {
  for (uint32_t flag = 1; flag <= kTelChar; flag <<= 1) {
    auto wanted = static_cast<CharClass>(flag);
    for (size_t size : {1, 15, 16, 17, 33}) {
      std::string text(size, '1');  // a digit is of every class but kAlphaChar
      if (wanted == kAlphaChar) text.assign(size, 'a');
      for (size_t i = 0; i < size * 256; ++i) {
        char kept = std::exchange(text[i / 256], static_cast<char>(i % 256));
        for (size_t at : {size_t{0}, size / 2, size}) {
          ASSERT_EQ(run_end(text, at, wanted), run_end_plain(text, at, wanted))
              << flag << " " << size << " " << i << " " << at;
        }
        text[i / 256] = kept;
      }
    }
  }
}

TEST(CharRun, FindsACharacter) {
  for (size_t size = 0; size < 70; ++size) {
    for (size_t place = 0; place <= size; ++place) {
      std::string text(size, 'x');
      if (place < size) text[place] = ':';
      for (size_t at = 0; at <= size; ++at) {
        ASSERT_EQ(find_char(text, at, ':'), std::min(text.find(':', at), size));
      }
    }
  }
}

TEST(Scan, FindsLinesAndJoinsFolds) {
  std::array<Line, 8> lines;
  std::string_view text = "A b\r\nSubject: one\r\n two\r\nX:\r\n\r\nbody";
  ScanResult result = scan_lines(text, lines);
  EXPECT_EQ(result.status, ScanStatus::kOk);
  ASSERT_EQ(result.lines, 3);
  EXPECT_EQ(text.substr(lines[1].begin, lines[1].end - lines[1].begin), "Subject: one\r\n two");
  EXPECT_EQ(text.substr(result.body_begin), "body");
}

TEST(Scan, RefusesLoneLineBreaksAnywhereInTheHeaders) {
  std::array<Line, 8> lines;
  for (std::string_view text :
       {"A b\nX: y\r\n\r\n", "A b\r\nX: y\rz\r\n\r\n", "A b\r\nX: y\r", "A b\r\nX\r\r\n\r\n"}) {
    EXPECT_EQ(scan_lines(text, lines).status, ScanStatus::kLoneLineBreak) << text;
    EXPECT_EQ(scan_lines_plain(text, lines).status, ScanStatus::kLoneLineBreak) << text;
  }
  EXPECT_EQ(scan_lines("A\r\n\r\nbody with \n and \r", lines).status, ScanStatus::kOk);
}

// The vector code and its plain twin agree on random texts made of the bytes that matter.
TEST(Scan, VectorAndPlainAgree) {
  std::mt19937 random(1);
  constexpr std::string_view kParts[] = {"\r\n",
                                         "\r\n",
                                         ":",
                                         " ",
                                         "a",
                                         "bcdefghij",
                                         "\r",
                                         "\n",
                                         "\r\n ",
                                         "\r\n\r\n",
                                         "longer text without anything in it"};
  for (int round = 0; round < 200000; ++round) {
    std::string text;
    size_t parts = random() % 40;
    for (size_t i = 0; i < parts; ++i) {
      size_t choice = random() % std::size(kParts);
      bool rare = choice >= 6 && choice <= 9 && random() % 8 != 0;
      text += rare ? "x" : kParts[choice];
    }
    std::array<Line, 16> fast{}, plain{};
    ScanResult a = scan_lines(text, fast);
    ScanResult b = scan_lines_plain(text, plain);
    ASSERT_EQ(a, b) << testing::PrintToString(text);
    for (size_t i = 0; i + 1 < a.lines; ++i) ASSERT_EQ(fast[i], plain[i]);
  }
}

// At any place, over the ends of blocks, at the very end; a "-" is no CR.
TEST(FindField, AgreesWithItsPlainTwin) {
  std::mt19937 random(7);
  const std::string_view kParts[] = {"\r\n", "\n", "T",    "t:",       "I :",       "-",
                                     "\r",   ":",  "\nto", "\r\nTo: ", "\nCall-Id", "\r\n\r\n"};
  for (int round = 0; round < 100000; ++round) {
    std::string text;
    for (size_t parts = random() % 60; parts > 0; --parts) {
      size_t choice = random() % (2 * std::size(kParts));
      if (choice == std::size(kParts) - 1 && random() % 16 != 0) continue;  // it ends a header
      text += choice < std::size(kParts) ? kParts[choice] : "xxxxxxxxx";
    }
    std::vector<char> exact(text.begin(), text.end());  // so that a sanitizer sees what is behind
    std::string_view view(exact.data(), exact.size());
    for (const FieldName& name : {kToName, kCallIdName, kUserAgentName}) {
      std::string_view wanted = find_field_plain(view, name);
      for (FindField way : ways_to_find_field()) {
        std::string_view found = way(view, name);
        ASSERT_EQ(found.data(), wanted.data()) << testing::PrintToString(text);
        ASSERT_EQ(found.size(), wanted.size());
      }
    }
  }
}

TEST(FindField, IsTheFirstOfThatName) {
  auto find = [](std::string_view text, const FieldName& name) {
    return trim(whole_value(find_field(text, name)));
  };
  EXPECT_EQ(find("OPTIONS sip:b SIP/2.0\r\nTop: a\r\nT : b\r\nTo: c\r\n\r\n", kToName), "b");
  EXPECT_EQ(find("\r\n\r\nx\r\nCALL-id\t:\r\n\ta\r\n b\r\n\r\n", kCallIdName), "a\r\n b");
  EXPECT_EQ(find("x\r\nt: a", kToName), "a");
  for (const char* none :
       {"", "x", "x\r\n", "To: a", "x\r\nTo", "x\r\nTo\r\n: a\r\n\r\n", "x\r\nT0: a",
        "x\r\n\r\nTo: a\r\n", "x\r\n To: a\r\n\r\n", "x\r\nTo x: a\r\n\r\n"}) {
    EXPECT_EQ(find_field(none, kToName).data(), nullptr) << none;
  }
}

TEST(Uri, PartsOfASipUri) {
  auto uri = parse_uri("sips:alice;day=tue:secret@[2001:db8::1]:5061;transport=tcp;lr?Subject=x");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->scheme, Scheme::kSips);
  EXPECT_EQ(uri->user, "alice;day=tue");
  EXPECT_EQ(uri->password, "secret");
  EXPECT_EQ(uri->host, "[2001:db8::1]");
  EXPECT_EQ(uri->port, 5061);
  EXPECT_TRUE(find_uri_param(uri->params, "LR"));
  EXPECT_EQ(find_uri_param(uri->params, "transport")->value, "tcp");
  EXPECT_TRUE(uri->has_headers);
}

TEST(Uri, RefusesWhatIsNone) {
  for (const char* bad :
       {"", "sip:", "sip:@host", "sip:a@", "sip:a b@c", "sip:a@b:99999", "sip:a@b:", "sip:%4@b",
        "sip:a@[::1", "sip:a@[zz]", "1sip:a@b", "alice", "sip:a@2001:db8::1", "tel:", "http:"}) {
    EXPECT_FALSE(parse_uri(bad)) << bad;
  }
}

TEST(Uri, OtherSchemes) {
  EXPECT_EQ(parse_uri("tel:+1-212-555;ext=1")->user, "+1-212-555");
  EXPECT_EQ(parse_uri("soap.beep://192.0.2.103:3002")->scheme, Scheme::kOther);
}

TEST(NameAddr, AllForms) {
  auto full = parse_name_addr("\"A. \\\"B\\\" <x>\" <sip:a@b;lr> ; tag = 1");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->uri.text, "sip:a@b;lr");
  EXPECT_EQ(full->tag, "1");
  auto bare = parse_name_addr("sip:a@b;tag=7");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->uri.text, "sip:a@b");
  EXPECT_EQ(bare->tag, "7");
  for (const char* bad : {"", "<sip:a@b", "\"open <sip:a@b>", "< sip:a@b>", "<sip:a@b> junk",
                          "sip:a@b?x=y", "<sip:a@b>;=x", "<sip:a@b>, <sip:c@d>"}) {
    EXPECT_FALSE(parse_name_addr(bad)) << bad;
  }
}

TEST(Via, PartsAndBlanks) {
  Cursor cursor(
      "SIP  / 2.0  / UDP   [2001:db8::9:1] : 5061 ; rport ;branch = z9hG4bK87 , SIP/2.0/TCP x");
  Via via;
  ASSERT_TRUE(take_via(cursor, via));
  EXPECT_EQ(via.transport, "UDP");
  EXPECT_EQ(via.host, "[2001:db8::9:1]");
  EXPECT_EQ(via.port, 5061);
  EXPECT_EQ(via.branch, "z9hG4bK87");
  EXPECT_TRUE(via.has_rport);
  EXPECT_TRUE(cursor.take(','));
  ASSERT_TRUE(take_via(cursor, via));
  EXPECT_EQ(via.host, "x");
  EXPECT_FALSE(via.has_rport);
}

TEST(Via, RefusesWhatIsNone) {
  for (const char* bad :
       {"", "SIP/2.0 host", "SIP/2.0/UDP", "SIP/2.0/UDP host:0", "SIP/2.0/UDP host:65536",
        "SIP/2.0/UDP 2001:db8::1;branch=x", "SIP/2.0/UDP a;;branch=1", "SIP/2.0/UDP a b"}) {
    Cursor cursor(bad);
    Via via;
    EXPECT_FALSE(take_via(cursor, via)) << bad;
  }
}

TEST(Ip, TextBothWays) {
  for (const char* text : {"192.0.2.1:5060", "[2001:db8::1]:5061"}) {
    EXPECT_EQ(to_string(*parse_endpoint(text, 1)), text);
  }
  for (const char* bad : {"1.2.3", "1.2.3.256", "1.2.3.4.5", "::g", "1.2.3.4:", "1.2.3.4:0", ""}) {
    EXPECT_FALSE(parse_endpoint(bad, 5060)) << bad;
  }
}

TEST(HeaderName, CaseAndCompactFormsAreOneHeader) {
  EXPECT_EQ(header_name("cAlL-iD"), HeaderName::kCallId);
  EXPECT_EQ(header_name("i"), HeaderName::kCallId);
  EXPECT_EQ(header_name("X"), HeaderName::kSessionExpires);
  EXPECT_EQ(header_name("Call_ID"), HeaderName::kOther);
  EXPECT_EQ(header_name(""), HeaderName::kOther);
  for (size_t i = 1; i < kHeaderNames; ++i) {
    HeaderName name = static_cast<HeaderName>(i);
    EXPECT_EQ(header_name(spelling(name)), name);
    // As it stands in a message, with more to read behind it.
    std::string line = std::string(spelling(name)) + ": a value that goes on for a while";
    size_t size = spelling(name).size();
    EXPECT_EQ(header_name(std::string_view(line).substr(0, size), line.size()), name);
    for (size_t at = 0; at < size; ++at) {
      std::string other = line;
      other[at] = other[at] == '!' ? '*' : '!';
      EXPECT_EQ(header_name(std::string_view(other).substr(0, size), line.size()),
                HeaderName::kOther);
      if (!is(line[at], kAlphaChar)) continue;
      other[at] = static_cast<char>(line[at] ^ 0x20);  // the other case
      EXPECT_EQ(header_name(std::string_view(other).substr(0, size), line.size()), name);
    }
  }
}

// Validates a request made from the parts of tests::text_of with one line replaced.
Fault fault_of(const std::string& line, const std::string& replacement) {
  std::string text = tests::text_of({});
  size_t at = text.find(line);
  EXPECT_NE(at, std::string::npos) << line;
  text.replace(at, text.find("\r\n", at) - at, replacement);
  Message message;
  Essentials essentials;
  return validate(message, message.parse(text), essentials);
}

// V1: every way to write a wrong Content-Length.
TEST(Validate, ContentLength) {
  for (const char* bad : {"-1", "5x", "2147483647", "2147483648", "4294967328",
                          "18446744073709551616", "1, 1", "1", "", "0x0"}) {
    EXPECT_EQ(fault_of("Content-Length", std::string("Content-Length: ") + bad),
              Fault::kBadContentLength)
        << bad;
  }
  EXPECT_EQ(fault_of("Content-Length", "Content-Length: 0\r\nl: 0"), Fault::kRepeatedHeader);
}

// V2: a fold, a blank before the colon, case and the compact form do not hide a header.
TEST(Validate, NoSpellingHidesAHeader) {
  for (const char* same : {"Max-Forwards : 0", "max-forwards\t: 0", "MAX-FORWARDS:\r\n 0"}) {
    EXPECT_EQ(fault_of("Max-Forwards", same), Fault::kTooManyHops) << same;
  }
  EXPECT_EQ(fault_of("Max-Forwards", std::string("Max-Forwards\0: 0", 16)), Fault::kBadHeaderLine);
  EXPECT_EQ(fault_of("Max-Forwards", "Max-Forwards\r\n : 0"), Fault::kBadHeaderLine);
}

// V3: the long and the compact form of a single-valued header together.
TEST(Validate, LongAndCompactFormTogether) {
  EXPECT_EQ(fault_of("Call-ID", "Call-ID: a\r\ni: a"), Fault::kRepeatedHeader);
  EXPECT_EQ(fault_of("From", "From: <sip:a@b>;tag=1\r\nf: <sip:c@d>;tag=2"),
            Fault::kRepeatedHeader);
}

// scalar02 of RFC 4475 breaks both at once; here each alone.
TEST(Validate, NumbersOutOfBounds) {
  EXPECT_EQ(fault_of("CSeq", "CSeq: 2147483648 INVITE"), Fault::kBadCSeq);
  EXPECT_EQ(fault_of("CSeq", "CSeq: 2147483647 INVITE"), Fault::kNone);
  EXPECT_EQ(fault_of("CSeq", "CSeq: 1 BYE"), Fault::kMethodMismatch);
  EXPECT_EQ(fault_of("Max-Forwards", "Max-Forwards: 256"), Fault::kBadMaxForwards);
}

// RFC 5118 has no case for this one.
TEST(Validate, Ipv6WithoutBracketsInVia) {
  EXPECT_EQ(fault_of("Via", "Via: SIP/2.0/UDP 2001:db8::9;branch=z9hG4bK1"), Fault::kBadVia);
}

// V15: lists of any length are refused or taken in linear time, never half.
TEST(Validate, ListsOfManyMembers) {
  for (size_t count : {1, 16, 17, 127, 128}) {
    std::string list = "Via: SIP/2.0/UDP h;branch=z9hG4bK1";
    for (size_t i = 1; i < count; ++i) list += ",SIP/2.0/UDP h;branch=z9hG4bK1";
    EXPECT_EQ(fault_of("Via", list), Fault::kNone) << count;
  }
  for (size_t count : {129, 1000, 2000}) {
    std::string list = "Via: SIP/2.0/UDP h";
    for (size_t i = 1; i < count; ++i) list += ",SIP/2.0/UDP h";
    EXPECT_EQ(fault_of("Via", list), Fault::kTooManyValues) << count;
  }
  std::string lines = "Via: SIP/2.0/UDP h;branch=z9hG4bK1";
  for (int i = 0; i < 4096; ++i) lines += "\r\nOther: y";
  EXPECT_EQ(fault_of("Via", lines), Fault::kTooManyHeaders);
}

// V16: the time for a byte does not depend on how many there are, whatever they are. The best of
// many runs is compared, and eight times the bytes may cost three times as much each: work that
// grows with the square would cost eight times as much.
TEST(Validate, TimeGrowsWithSizeOnly) {
  auto repeated = [](const char* before, const char* part, const char* after, size_t size) {
    std::string middle;
    while (middle.size() < size) middle += part;
    return std::string("INVITE sip:a@b SIP/2.0\r\n") + before + middle + after + "\r\n\r\n";
  };
  auto best_ns = [](const std::string& text) {
    static Message message;
    int64_t best = INT64_MAX;
    for (int run = 0; run < 60; ++run) {
      auto start = std::chrono::steady_clock::now();
      Essentials essentials;
      validate(message, message.parse(text), essentials);
      auto spent = std::chrono::steady_clock::now() - start;
      best = std::min<int64_t>(best, std::chrono::nanoseconds(spent).count());
    }
    return static_cast<double>(best);
  };
  const char* shapes[][3] = {
      {"Via: SIP/2.0/UDP h;branch=z9hG4bK", "a", ""},
      {"Via: SIP/2.0/UDP h", ";p=1", ""},
      {"Via: SIP/2.0/UDP h", ",SIP/2.0/UDP h", ""},
      {"From: \"", "\\\"", "\" <sip:a@b>"},
      {"From: <sip:a@b>", ";a=\"b\"", ""},
      {"From: ", "<", ""},
      {"To: a", "\r\n a", " <sip:a@b>"},
      {"Route: <sip:a@b", ";lr;t", ">"},
      {"Route: <sip:a@b>", ",<sip:a@b>", ""},
      {"Record-Route: ", "<sip:", ""},
      {"Call-ID: ", "%", ""},
      {"Content-Length: ", "0", ""},
      {"CSeq: ", " ", "1 INVITE"},
      {"a: b", "\r\na: b", ""},
      {"Contact: ", ",", ""},
      {"x: ", "\t", ""},
  };
  for (auto& [before, part, after] : shapes) {
    std::string small = repeated(before, part, after, 7000);
    std::string large = repeated(before, part, after, 56000);
    double ratio = best_ns(large) / large.size() / (best_ns(small) / small.size());
    EXPECT_LT(ratio, 3.0) << before << part;
  }
}

}  // namespace
}  // namespace sipcore
