// What was copied of a call: kept in order, as a ladder, as a capture file, as HEPv3.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>

#include "control/trace/hep.h"
#include "control/trace/ladder.h"
#include "control/trace/pcap.h"
#include "control/trace/recorder.h"

namespace control::trace {
namespace {

sipcore::Endpoint endpoint(const char* text) { return *sipcore::parse_endpoint(text, 5060); }

const char* const kInvite =
    "INVITE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9\r\ni: 77@a\r\n\r\n";

link::Traced traced(uint64_t at_us, const std::string& text, const char* to = "192.0.2.1") {
  link::Traced out;
  out.at_us = at_us;
  out.from = endpoint("192.0.2.9");
  out.to = endpoint(to);
  out.size = static_cast<uint32_t>(text.size());
  std::copy_n(text.begin(), std::min(text.size(), link::Traced::kMost), out.bytes.begin());
  return out;
}

TEST(Recorder, KeepsWhatWorkersCopyInTheOrderOfTime) {
  link::Exchange exchange(2);
  Recorder recorder(exchange);
  recorder.start({link::TraceFilter::What::kUser, "bob", {}, 0}, 5000000);
  ASSERT_NE(exchange.trace.read(), nullptr);
  EXPECT_EQ(exchange.trace.read()->text, "bob");
  exchange.traced[0]->push(traced(1000, "second"));
  exchange.traced[1]->push(traced(900, "first"));
  recorder.tick(2000, 10002000);
  exchange.traced[0]->push(traced(3000, std::string(5000, 'x')));
  recorder.tick(4000, 10004000);
  ASSERT_EQ(recorder.messages().size(), 3u);
  EXPECT_EQ(recorder.messages()[0].text, "first");
  EXPECT_EQ(recorder.messages()[0].date_us, 10000900u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(recorder.messages()[i].number, i + 1);
  EXPECT_EQ(recorder.messages()[2].size, 5000u);
  EXPECT_EQ(recorder.messages()[2].text.size(), link::Traced::kMost);
  EXPECT_TRUE(recorder.active());
  recorder.tick(5000000, 20000000);
  EXPECT_FALSE(recorder.active());
  EXPECT_EQ(exchange.trace.read(), nullptr);
}

// A BYE need not name the user that the INVITE was for.
TEST(Recorder, FollowsAUserIntoHisCalls) {
  link::Exchange exchange(1);
  Recorder recorder(exchange);
  recorder.start({link::TraceFilter::What::kUser, "bob", {}, 0}, 5000000);
  exchange.traced[0]->push(traced(1, kInvite));
  exchange.traced[0]->push(traced(2, kInvite));
  recorder.tick(3, 3);
  ASSERT_EQ(exchange.trace.read()->calls, std::vector<std::string>{"77@a"});
}

TEST(Recorder, ForgetsTheOldest) {
  link::Exchange exchange(1);
  Recorder recorder(exchange);
  for (size_t i = 0; i < Recorder::kMost + 10; ++i) {
    exchange.traced[0]->push(traced(i, std::to_string(i)));
    if (i % 100 == 99) recorder.tick(i, i);
  }
  recorder.tick(10000, 10000);
  EXPECT_EQ(recorder.messages().size(), Recorder::kMost);
  EXPECT_EQ(recorder.messages().front().text, "10");
  EXPECT_EQ(recorder.messages().back().number, recorder.newest());
  EXPECT_EQ(recorder.messages().front().number, 11u);
}

// Big-endian number at an offset.
uint64_t number(const std::string& bytes, size_t at, size_t size) {
  uint64_t out = 0;
  for (size_t i = 0; i < size; ++i) out = out << 8 | static_cast<uint8_t>(bytes[at + i]);
  return out;
}

TEST(Recorder, SendsEachMessageToTheCollector) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  link::Exchange exchange(1);
  Recorder recorder(exchange);
  std::string collector = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  ASSERT_EQ(recorder.send_to(endpoint(collector.c_str()), 2001), "");
  exchange.traced[0]->push(traced(1, kInvite));
  recorder.tick(1, 1700000000000001);
  char bytes[4096];
  ssize_t got = recv(fd, bytes, sizeof bytes, 0);
  close(fd);
  ASSERT_GT(got, 6);
  std::string packet(bytes, static_cast<size_t>(got));
  EXPECT_EQ(packet.substr(0, 4), "HEP3");
  EXPECT_EQ(number(packet, 4, 2), packet.size());
  std::map<uint64_t, std::string> chunks;
  for (size_t at = 6; at < packet.size(); at += number(packet, at + 4, 2)) {
    EXPECT_EQ(number(packet, at, 2), 0u);
    chunks[number(packet, at + 2, 2)] = packet.substr(at + 6, number(packet, at + 4, 2) - 6);
  }
  EXPECT_EQ(chunks[1], "\x02");
  EXPECT_EQ(chunks[2], "\x11");
  EXPECT_EQ(chunks[3], std::string("\xc0\x00\x02\x09", 4));
  EXPECT_EQ(number(chunks[8], 0, 2), 5060u);
  EXPECT_EQ(number(chunks[9], 0, 4), 1700000000u);
  EXPECT_EQ(number(chunks[10], 0, 4), 1u);
  EXPECT_EQ(chunks[11], "\x01");
  EXPECT_EQ(number(chunks[12], 0, 4), 2001u);
  EXPECT_EQ(chunks[15], kInvite);
  EXPECT_EQ(chunks[17], "77@a");
}

TEST(Ladder, HasAColumnForEachAddress) {
  Ladder ladder;
  EXPECT_EQ(ladder.add("0.1", "a", "b", "INVITE sip:x"),
            "                 a                           b\n"
            "0.1               |------ INVITE sip:x ------>|\n");
  EXPECT_EQ(ladder.add("0.2", "b", "a", "200 OK"),
            "0.2               |<-------- 200 OK ----------|\n");
  std::string third = ladder.add("0.3", "b", "c", std::string(100, 'x'));
  EXPECT_NE(third.find("a                           b                           c\n"),
            std::string::npos);
  EXPECT_NE(third.find("xxx ->|"), std::string::npos) << third;
}

TEST(Ladder, LabelsAreTheFirstLineWithoutWhatIsAlwaysThere) {
  EXPECT_EQ(label_of(kInvite), "INVITE bob@192.0.2.1");
  EXPECT_EQ(label_of("SIP/2.0 180 Ringing\r\n"), "180 Ringing");
  EXPECT_EQ(label_of("SIP/2.0"), "");
  EXPECT_EQ(label_of(""), "");
}

uint64_t sum_of_words(const std::string& bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += number(bytes + std::string(1, '\0'), i, 2);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

TEST(Pcap, HasHeadersWithGoodChecksums) {
  EXPECT_EQ(pcap_head().size(), 24u);
  std::string v4 =
      pcap_packet(1000002, endpoint("192.0.2.9"), endpoint("192.0.2.1:5070"), "abc").substr(16);
  EXPECT_EQ(v4.size(), 31u);
  EXPECT_EQ(sum_of_words(v4.substr(0, 20)), 0xffffu);
  std::string pseudo = v4.substr(12, 8) + std::string("\0\x11\0\x0b", 4);
  EXPECT_EQ(sum_of_words(pseudo + v4.substr(20)), 0xffffu);
  std::string v6 =
      pcap_packet(0, endpoint("[2001:db8::9]"), endpoint("[2001:db8::1]"), "abcd").substr(16);
  EXPECT_EQ(v6.size(), 52u);
  EXPECT_EQ(sum_of_words(v6.substr(8, 32) + std::string("\0\x11\0\x0c", 4) + v6.substr(40)),
            0xffffu);
}

}  // namespace
}  // namespace control::trace
