#include "control/config/rule_words.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace control::config {
namespace {

// The addresses of a network are those whose digits begin with one of its prefixes.
TEST(RuleWords, PrefixesOfANetworkHoldItsAddressesAndNoOthers) {
  for (uint8_t bits = 0; bits <= 32; ++bits) {
    auto network = link::network_of(*sipcore::parse_ip("198.18.77.201"), bits);
    auto prefixes = source_prefixes(network);
    for (unsigned flip = 0; flip < 32; ++flip) {
      auto ip = *sipcore::parse_ip("198.18.77.201");
      ip.bytes[flip / 8] = static_cast<uint8_t>(ip.bytes[flip / 8] ^ 0x80U >> flip % 8);
      char text[40];
      sipcore::Writer out(text);
      sipcore::write_source(ip, out);
      bool within = std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
        return out.text().starts_with(prefix);
      });
      EXPECT_EQ(within, link::network_of(ip, bits) == network) << int{bits} << " " << flip;
    }
  }
}

TEST(RuleWords, TimesOfTheWeek) {
  auto span = parse_time_span("fri-mon 08:30-24:00");
  ASSERT_TRUE(span);
  EXPECT_EQ(span->days, 0x71);
  EXPECT_EQ(span->from, 510);
  EXPECT_EQ(span->to, 1440);
  EXPECT_TRUE(parse_time_span("sun"));
  EXPECT_TRUE(parse_time_span("22:00-06:00"));
  for (const char* bad :
       {"", "mo", "mon-", "08:00", "08:00-", "8:00-9:00", "24:00-25:00", "mon x"}) {
    EXPECT_FALSE(parse_time_span(bad)) << bad;
  }
}

}  // namespace
}  // namespace control::config
