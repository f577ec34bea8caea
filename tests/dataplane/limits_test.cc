// What happens when there is no room: tables, stores, mailboxes, pools, ports, datagrams. Nothing
// is lost without a name, and what was begun goes on.
#include <set>

#include "tests/dataplane/call_fixture.h"

namespace tests {
namespace {

using control::link::Count;
using sipcore::HeaderName;

class LimitsTest : public CallTest {};

TEST_F(LimitsTest, FullTableIs503AndRecovers) {
  Node small({.limits = {2, 4, 16, 16}});
  auto send = [&](int i, uint64_t at) {
    RequestText request;
    request.via += std::to_string(i);
    request.call_id += std::to_string(i);
    small.deliver({kCaller, kTandem, text_of(request)});
    return small.settle(at);
  };
  EXPECT_EQ(send(1, 1000).size(), 2u);
  EXPECT_EQ(send(2, 1000).size(), 2u);
  auto out = send(3, 1000);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 503);
  EXPECT_EQ(header_of(out[0].bytes, HeaderName::kRetryAfter), "5");
  EXPECT_EQ(small.count(Count::rejected_full), 1u);
  for (uint64_t at = 1000; at < 200000; at += 10) small.settle(at);
  EXPECT_EQ(send(4, 200000).size(), 2u);
}

TEST_F(LimitsTest, FullMessageStoreIs503AndCallsGoOn) {
  Node small({.limits = {64, 96, 16, 4}});
  std::vector<Datagram> first;
  size_t refused = 0;
  for (int i = 0; i < 20; ++i) {
    RequestText request;
    request.call_id += std::to_string(i);
    request.via += std::to_string(i);
    request.body = std::string(20000, 'x');
    small.deliver({kCaller, kTandem, text_of(request)});
    auto out = small.settle(now);
    if (first.empty()) first = out;
    refused += out.size() == 1 && status_of(out[0].bytes) == 503;
  }
  EXPECT_EQ(refused, 4u);  // there is room for 16 of this size
  EXPECT_EQ(small.count(Count::rejected_full), refused);
  ASSERT_EQ(first.size(), 2u);
  small.deliver({first[1].to, kTandem, response_to(first[1].bytes, 200, "bob")});
  auto out = small.settle(now);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(status_of(out[0].bytes), 200);
}

TEST_F(LimitsTest, FullMailboxBetweenWorkersDropsByName) {
  Node two({.workers = 2});
  const sipcore::HashKey& key = two.config().keys.token;
  size_t sent = 0;
  for (int i = 0; sent < dataplane::Handover::kRoom + 100; ++i) {
    RequestText request;
    request.method = "OPTIONS";
    request.uri = "sip:198.18.0.1";
    request.call_id = "mailbox-" + std::to_string(i);
    if (sipcore::siphash(key, request.call_id) % 2 != 1) continue;  // for worker 1
    two.deliver({kCaller, kTandem, text_of(request)});
    ++sent;
    two.poll_worker(0, now);  // worker 1 does not turn
  }
  EXPECT_EQ(two.count(Count::drop_no_memory), 100u);
  EXPECT_EQ(two.settle(now).size(), dataplane::Handover::kRoom);
}

TEST_F(LimitsTest, PoolWithoutPacketsLosesByName) {
  Datagram at_backend = invite();
  std::vector<dataplane::Packet*> taken;
  while (node.small_packets().available() > 1) taken.push_back(node.small_packets().take());
  RequestText request;
  request.call_id = "second";
  request.via += "second";
  EXPECT_TRUE(from_caller(text_of(request)).empty());
  EXPECT_EQ(node.count(Count::tx_failed), 2u);  // the 100 and the INVITE
  for (auto* packet : taken) dataplane::release(packet);
  EXPECT_GE(wait(600).size(), 1u);  // timer A makes up for it
  EXPECT_EQ(from_backend(at_backend, response_to(at_backend.bytes, 200, "bob")).size(), 1u);
}

// Nothing left to take or to give: each loss is counted, and what was begun goes on.
TEST_F(LimitsTest, PortThatTakesNothingLosesByName) {
  node.port(0).refuse_after = 0;
  EXPECT_TRUE(from_caller(text_of({})).empty());
  EXPECT_EQ(node.count(Count::tx_failed), 2u);  // the 100 and the INVITE
  node.port(0).refuse_after = SIZE_MAX;
  auto out = wait(600);  // timer A makes up for it
  ASSERT_GE(out.size(), 1u);
  EXPECT_EQ(method_of(out[0].bytes), "INVITE");
}

// What we would add makes it longer than a datagram can be: one answer, and nothing on its way.
TEST_F(LimitsTest, RequestThatOutgrowsTheDatagramIs513) {
  size_t taken = 0, refused = 0;
  for (size_t size = 64500; size < 65200; size += 33) {
    RequestText request;
    request.via += std::to_string(size);
    request.body = std::string(size, 'x');
    auto out = from_caller(text_of(request));
    if (out.size() == 1) {
      EXPECT_EQ(status_of(out[0].bytes), 513);
      ++refused;
      continue;
    }
    ++taken;
    ASSERT_EQ(out.size(), 2u);
    EXPECT_TRUE(out[1].bytes.ends_with(request.body));
    from_backend(out[1], response_to(out[1].bytes, 200, "bob"));
  }
  EXPECT_GT(taken, 2u);
  EXPECT_GT(refused, 2u);
  EXPECT_EQ(node.count(Count::tx_failed), 0u);
}

// Two workers cut datagrams for one peer at the same time: were two of them to have one
// identification, the peer would mix their pieces.
TEST_F(LimitsTest, WorkersDoNotShareFragmentIds) {
  Node two({.workers = 2, .backends = 1});
  for (int i = 0; i < 40; ++i) {
    RequestText request;
    request.call_id = "ids-" + std::to_string(i);
    request.via += std::to_string(i);
    request.body = std::string(3000, 'x');
    two.deliver({kCaller, kTandem, text_of(request)}, i % 2);
  }
  for (int turn = 0; turn < 20; ++turn) {
    for (size_t worker : {0, 1}) two.poll_worker(worker, now);
  }
  std::set<std::string> ids[2];
  for (size_t worker : {0, 1}) {
    for (dataplane::Packet* packet : two.port(worker).from_worker) {
      ids[worker].insert(std::string(packet->bytes().substr(18, 2)));  // of the IPv4 header
    }
    EXPECT_GT(ids[worker].size(), 5u);
    for (const std::string& id : ids[worker]) EXPECT_FALSE(ids[1 - worker].contains(id));
  }
  size_t sent = 0;
  for (const Datagram& one : two.settle(now)) sent += one.to != kCaller;
  EXPECT_EQ(sent, 40u);
}

}  // namespace
}  // namespace tests
