// Answers of name servers, good and broken.
#include "control/resolve/dns_answer.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>

namespace control::resolve {
namespace {

// Writes an answer as a server would.
class Text {
 public:
  Text& number(uint32_t value, size_t size) {
    while (size-- > 0) out_ += static_cast<char>(value >> (8 * size));
    return *this;
  }
  Text& name(const std::string& text) {
    for (size_t at = 0; at < text.size();) {
      size_t dot = std::min(text.find('.', at), text.size());
      number(static_cast<uint32_t>(dot - at), 1);
      out_ += text.substr(at, dot - at);
      at = dot + 1;
    }
    return number(0, 1);
  }
  Text& record(const std::string& owner, uint32_t type, uint32_t ttl, const std::string& data) {
    name(owner).number(type, 2).number(1, 2).number(ttl, 4);
    number(static_cast<uint32_t>(data.size()), 2);
    out_ += data;
    return *this;
  }
  Text& header(uint32_t answers) {
    return number(7, 2).number(0x8180, 2).number(1, 2).number(answers, 2).number(0, 2).number(0, 2);
  }
  const std::string& text() const { return out_; }

 private:
  std::string out_;
};

std::string srv(uint32_t priority, uint32_t weight, uint32_t port, const std::string& target) {
  return Text().number(priority, 2).number(weight, 2).number(port, 2).name(target).text();
}

std::string good_answer() {
  std::string naptr = Text().number(10, 2).number(20, 2).text() + "\1S" + "\7SIP+D2U" +
                      std::string(1, '\0') + Text().name("_sip._udp.example.com").text();
  return Text()
      .header(4)
      .name("Example.com")
      .number(35, 2)
      .number(1, 2)
      .record("EXAMPLE.com", 35, 300, naptr)
      .record("_sip._udp.example.com", 33, 60, srv(1, 2, 5070, "a.example.com"))
      .record("a.example.com", 1, 30, std::string("\xc0\0\2\x09", 4))
      .record("a.example.com", 16, 30, "text")
      .text();
}

TEST(DnsAnswer, AllThatIsKnown) {
  auto answer = read_answer(good_answer());
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->records.size(), 3u);
  EXPECT_EQ(answer->records[0].service, "sip+d2u");
  EXPECT_EQ(answer->records[0].flags, "s");
  EXPECT_EQ(answer->records[0].name, "example.com");
  EXPECT_EQ(answer->records[0].target, "_sip._udp.example.com");
  EXPECT_EQ(answer->records[1].port, 5070);
  EXPECT_EQ(answer->records[1].weight, 2);
  EXPECT_EQ(sipcore::to_string(sipcore::Endpoint{answer->records[2].ip, 1}), "192.0.2.9:1");
}

TEST(DnsAnswer, PointersLeadBackAndNeverRound) {
  Text text;
  text.header(1).name("a.example.com").number(1, 2).number(1, 2);
  std::string head = text.text();
  std::string tail = Text().number(1, 2).number(1, 2).number(9, 4).number(4, 2).text() + "\1\2\3\4";
  auto good = read_answer(head + "\xc0\x0c" + tail);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->records.at(0).name, "a.example.com");
  char own = static_cast<char>(head.size());
  EXPECT_FALSE(read_answer(head + "\xc0" + own + tail)) << "to itself";
  EXPECT_FALSE(read_answer(head + "\xc0\xf0" + tail)) << "forwards";
  EXPECT_FALSE(read_answer(head + "\1a\xc0" + own + tail)) << "round";
}

// Every cut, and every byte changed: a value or a fault, no byte read behind the end.
TEST(DnsAnswer, BrokenOnesAreRefused) {
  std::string good = good_answer();
  for (size_t size = 0; size < good.size(); ++size) {
    std::unique_ptr<char[]> exact(new char[size]);
    std::copy_n(good.data(), size, exact.get());
    EXPECT_FALSE(read_answer({exact.get(), size})) << size;
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string bad = good;
    for (int change = 0; change < 3; ++change) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    auto answer = read_answer(bad);
    EXPECT_LE(answer ? answer->records.size() : 0, 600u);
  }
}

}  // namespace
}  // namespace control::resolve
