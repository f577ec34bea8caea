// Headers, fragments, next hops and steering.
#include <gtest/gtest.h>

#include <random>

#include "dataplane/net/checksum.h"
#include "dataplane/net/fragments.h"
#include "dataplane/steer/owner.h"
#include "sipcore/proxy/validate.h"
#include "tests/cases.h"
#include "tests/simulation/messages.h"
#include "tests/simulation/node.h"

namespace dataplane {
namespace {

using control::link::Count;
using tests::endpoint;

struct Net : testing::Test {
  MemoryPool small{512, kSmallPacket};
  MemoryPool large{8, kLargePacket};

  // A whole datagram in a large packet, with headers.
  Packet* datagram(const std::string& payload, bool v6 = false) {
    Packet* packet = large.take();
    std::copy(payload.begin(), payload.end(), packet->data());
    packet->size = static_cast<uint32_t>(payload.size());
    write_headers(*packet, endpoint(v6 ? "[2001:db8::2]:7000" : "198.18.0.2:7000"),
                  endpoint(v6 ? "[2001:db8::1]:5060" : "198.18.0.1:5060"), {}, 9);
    return packet;
  }
};

TEST(Checksum, SameAsItsPlainTwinForEverySize) {
  std::mt19937 random(1);
  std::string bytes(4096, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const char* data = bytes.data() + size % 3;
    size_t most = std::min(size, bytes.size() - 3);
    ASSERT_EQ(checksum_fold(checksum_add(size, data, most)),
              checksum_fold(checksum_add_plain(size, data, most)));
  }
  std::string ones(65535, '\xff');  // the largest sum there is
  EXPECT_EQ(checksum_fold(checksum_add(0, ones.data(), ones.size() - 1)), 0);
}

TEST_F(Net, HeadersRoundTripAndAWrongChecksumIsSeen) {
  for (bool v6 : {false, true}) {
    Packet* packet = datagram("hello", v6);
    NetInfo info;
    ASSERT_EQ(read_headers(*packet, info), Count::kFates);
    ASSERT_EQ(read_udp(*packet, info), Count::kFates);
    EXPECT_TRUE(checksum_fits(*packet, info));
    EXPECT_EQ(info.source.port, 7000);
    EXPECT_EQ(packet->bytes().substr(info.payload, info.payload_size), "hello");
    if (!v6) {
      packet->data()[kEthernetSize + 8] ^= 1;  // the time to live
      EXPECT_EQ(read_headers(*packet, info), Count::drop_bad_ip);
      packet->data()[kEthernetSize + 8] ^= 1;
      ASSERT_EQ(read_headers(*packet, info), Count::kFates);
    }
    packet->data()[packet->size - 1] ^= 1;
    EXPECT_FALSE(checksum_fits(*packet, info));
    packet->checksum_ok = true;  // the port vouches for it
    EXPECT_TRUE(checksum_fits(*packet, info));
    release(packet);
  }
}

TEST_F(Net, CutOffOrRandomFramesNeverReadBeyondTheirEnd) {
  std::mt19937 random(5);
  for (int round = 0; round < 100000; ++round) {
    Packet* packet = datagram("payload", round % 2 == 0);
    packet->size = static_cast<uint32_t>(random() % (packet->size + 1));
    for (int change = 0; change < 3 && packet->size > 0; ++change) {
      packet->data()[random() % packet->size] = static_cast<char>(random());
    }
    auto exact = std::make_unique<char[]>(packet->size);
    std::copy_n(packet->data(), packet->size, exact.get());
    Packet copy;
    copy.buffer = exact.get();
    copy.capacity = copy.size = packet->size;
    NetInfo info;
    bool whole = read_headers(copy, info) == Count::kFates && !info.is_fragment;
    if (whole && read_udp(copy, info) == Count::kFates) checksum_fits(copy, info);
    release(packet);
  }
}

TEST_F(Net, FragmentsInAnyOrderMakeTheDatagramAgain) {
  std::mt19937 random(7);
  std::string payload;
  for (int i = 0; i < 9000; ++i) payload += static_cast<char>(random());
  for (bool v6 : {false, true}) {
    Reassembly reassembly(4, large);
    Packet* packet = datagram(payload, v6);
    std::vector<Packet*> pieces;
    ASSERT_TRUE(cut(*packet, 1500, 77, small, pieces));
    release(packet);
    EXPECT_EQ(pieces.size(), 7u);
    std::shuffle(pieces.begin(), pieces.end(), random);
    for (size_t i = 0; i < pieces.size(); ++i) {
      EXPECT_LE(pieces[i]->size, 1514u);
      NetInfo info;
      ASSERT_EQ(read_headers(*pieces[i], info), Count::kFates);
      ASSERT_TRUE(info.is_fragment);
      Packet* whole = nullptr;
      Count fate = reassembly.add(pieces[i], info, 0, whole);
      if (i + 1 < pieces.size()) {
        ASSERT_EQ(fate, Count::fragment_stored);
        continue;
      }
      ASSERT_EQ(fate, Count::kFates);
      ASSERT_EQ(read_udp(*whole, info), Count::kFates);
      EXPECT_TRUE(checksum_fits(*whole, info));  // it covers all of it
      EXPECT_EQ(whole->bytes().substr(info.payload, info.payload_size), payload);
      release(whole);
    }
    EXPECT_EQ(reassembly.collecting(), 0u);
  }
  EXPECT_EQ(small.available(), 512u);
  EXPECT_EQ(large.available(), 8u);
}

TEST_F(Net, OverlapThrowsTheDatagramAway) {
  Reassembly reassembly(4, large);
  Packet* packet = datagram(std::string(4000, 'x'));
  std::vector<Packet*> pieces;
  ASSERT_TRUE(cut(*packet, 1500, 78, small, pieces));
  release(packet);
  Packet* whole = nullptr;
  NetInfo info;
  ASSERT_EQ(read_headers(*pieces[0], info), Count::kFates);
  EXPECT_EQ(reassembly.add(pieces[0], info, 0, whole), Count::fragment_stored);
  info.fragment.offset = 8;  // begins inside the first piece
  ASSERT_EQ(reassembly.add(pieces[1], info, 0, whole), Count::drop_fragment);
  EXPECT_EQ(reassembly.collecting(), 0u);
  release(pieces[2]);
}

// RFC 8200 4.5: an exact double is only ignored.
TEST_F(Net, DoubledFragmentChangesNothing) {
  Reassembly reassembly(4, large);
  Packet* packet = datagram(std::string(4000, 'x'));
  std::vector<Packet*> pieces;
  for (int copy = 0; copy < 2; ++copy) ASSERT_TRUE(cut(*packet, 1500, 79, small, pieces));
  release(packet);
  std::vector<Count> fates;
  for (size_t i : {0, 3, 1, 4, 2}) {
    NetInfo info;
    Packet* whole = nullptr;
    ASSERT_EQ(read_headers(*pieces[i], info), Count::kFates);
    fates.push_back(reassembly.add(pieces[i], info, 0, whole));
    if (whole != nullptr) release(whole);
  }
  release(pieces[5]);
  EXPECT_EQ(fates, (std::vector{Count::fragment_stored, Count::drop_fragment,
                                Count::fragment_stored, Count::drop_fragment, Count::kFates}));
}

TEST_F(Net, OldestDatagramMakesRoomWhenAllPlacesAreTaken) {
  Reassembly reassembly(2, large);
  Packet* packet = datagram(std::string(4000, 'x'));
  auto first_piece = [&](uint32_t id, uint64_t now, Count wanted) {
    std::vector<Packet*> pieces;
    ASSERT_TRUE(cut(*packet, 1500, id, small, pieces));
    NetInfo info;
    ASSERT_EQ(read_headers(*pieces[0], info), Count::kFates);
    Packet* whole = nullptr;
    EXPECT_EQ(reassembly.add(pieces[0], info, now, whole), wanted);
    release(pieces[1]);
    release(pieces[2]);
  };
  first_piece(1, 10, Count::fragment_stored);
  first_piece(2, 20, Count::fragment_stored);
  EXPECT_EQ(reassembly.take_given_up(), 0u);
  first_piece(3, 30, Count::fragment_stored);
  EXPECT_EQ(reassembly.take_given_up(), 1u);
  first_piece(2, 40, Count::drop_fragment);  // still there: a double
  first_piece(1, Reassembly::kPatienceMs + 50, Count::fragment_stored);
  EXPECT_EQ(reassembly.take_given_up(), 2u);
  std::vector<Packet*> taken;
  while (Packet* one = large.take()) taken.push_back(one);
  first_piece(4, Reassembly::kPatienceMs + 60, Count::drop_fragment_full);
  for (Packet* one : taken) release(one);
  release(packet);
}

TEST(NextHops, LongestPrefixThenMetricThenGateway) {
  using control::link::NextHops;
  auto ip = [](const char* text) { return *sipcore::parse_ip(text); };
  control::link::Mac near{1}, gateway{2};
  NextHops hops({{ip("0.0.0.0"), 0, 0, ip("198.18.0.254"), 0},
                 {ip("198.18.0.0"), 24, 0, {}, 0},
                 {ip("198.18.5.0"), 24, 10, ip("198.18.0.254"), 1},
                 {ip("198.18.5.0"), 24, 5, ip("198.18.0.254"), 0}},
                {{{ip("198.18.0.7"), 0}, near}, {{ip("198.18.0.254"), 0}, gateway}}, {{9}, {8}},
                {ip("198.18.0.255")});
  EXPECT_TRUE(hops.nobody(ip("198.18.0.255")));
  EXPECT_FALSE(hops.nobody(ip("198.18.0.7")));
  control::link::NextHop out;
  sipcore::IpAddress ask;
  ASSERT_EQ(hops.find(ip("198.18.0.7"), out, ask), NextHops::Found::kYes);
  EXPECT_EQ(out.target, near);
  ASSERT_EQ(hops.find(ip("192.0.2.1"), out, ask), NextHops::Found::kYes);
  EXPECT_EQ(out.target, gateway);
  ASSERT_EQ(hops.find(ip("198.18.5.1"), out, ask), NextHops::Found::kYes);
  EXPECT_EQ(out.port, 0);
  EXPECT_EQ(hops.find(ip("198.18.0.8"), out, ask), NextHops::Found::kNoNeighbour);
  EXPECT_EQ(ask, ip("198.18.0.8"));
  EXPECT_EQ(hops.find(ip("2001:db8::1"), out, ask), NextHops::Found::kNoRoute);
}

// The owner must be found as the parser would find the Call-ID, whatever the spelling.
TEST(Steering, FindsTheCallIdThatTheParserFinds) {
  for (const char* line : {"Call-ID: abc@d", "call-id:abc@d", "i: abc@d", "I :abc@d",
                           "CALL-ID\t:\r\n abc@d", "Content-Type: x\r\ni:abc@d  "}) {
    std::string text = tests::text_of({});
    size_t at = text.find("Call-ID");
    text.replace(at, text.find("\r\n", at) - at, line);
    EXPECT_EQ(find_call_id(text), "abc@d") << line;
  }
  EXPECT_EQ(find_call_id("INVITE x SIP/2.0\r\nTo: a\r\n\r\nCall-ID: in-the-body\r\n"), "");
  EXPECT_EQ(find_call_id(""), "");
}

// Requests of one call reach its owner from any receive queue, and responses find their way back.
TEST(Steering, TwoWorkersOneOwner) {
  tests::Node node({.workers = 2});
  for (int i = 0; i < 50; ++i) {
    tests::RequestText request;
    request.call_id = "steered-" + std::to_string(i);
    request.via += std::to_string(i);
    size_t queue = static_cast<size_t>(i) % 2;
    node.deliver({endpoint("198.18.0.10"), endpoint(tests::kListen), tests::text_of(request)},
                 queue);
    auto out = node.settle(1000);
    ASSERT_EQ(out.size(), 2u);
    node.deliver({out[1].to, endpoint(tests::kListen), tests::response_to(out[1].bytes, 200, "b")},
                 1 - queue);
    auto up = node.settle(1000);
    ASSERT_EQ(up.size(), 1u);
    EXPECT_EQ(tests::status_of(up[0].bytes), 200);
  }
  EXPECT_GT(node.count(Count::handed_over), 20u);
}

// What is not SIP for a listen address crosses to the kernel and back; what is, does not.
TEST(KernelTwin, GetsWhatIsNotForUs) {
  tests::Node node({.kernel_twin = true});
  const sipcore::Endpoint peer = tests::endpoint("198.18.0.10:5060");
  std::string arp =
      std::string(6, '\xff') + std::string(6, '\2') + "\x08\x06" + std::string(28, 'a');
  node.deliver_frame(arp);
  node.deliver({peer, tests::endpoint("198.18.0.1:53"), "dns"});
  node.deliver({peer, tests::endpoint("198.18.0.99:5060"), "another host"});
  node.deliver({peer, tests::endpoint("198.18.0.99:5060"), std::string(3000, 'f')});  // 3 fragments
  node.deliver({peer, tests::endpoint(tests::kListen), tests::text_of({})});
  EXPECT_EQ(node.settle(1000).size(), 2u);
  ASSERT_EQ(node.twin(0).from_worker.size(), 6u);
  EXPECT_EQ(node.twin(0).from_worker.front()->bytes(), arp);
  EXPECT_EQ(node.count(Count::to_kernel), 6u);
  for (Packet* packet : node.twin(0).from_worker) release(packet);
  node.twin(0).from_worker.clear();

  Packet* reply = node.small_packets().take();
  reply->size = static_cast<uint32_t>(arp.size());
  std::copy(arp.begin(), arp.end(), reply->data());
  node.twin(0).to_worker.push_back(reply);
  node.poll_worker(0, 1000);
  ASSERT_EQ(node.port(0).from_worker.size(), 1u);
  EXPECT_EQ(node.port(0).from_worker.front()->bytes(), arp);
  release(node.port(0).from_worker.front());
  node.port(0).from_worker.clear();
  EXPECT_EQ(node.count(Count::from_kernel), 1u);

  node.twin(0).refuse_after = 0;
  node.deliver_frame(arp);
  node.settle(1000);
  EXPECT_EQ(node.count(Count::twin_failed), 1u);
}

}  // namespace
}  // namespace dataplane
