// Tables against plain models.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "dataplane/core/blob_pool.h"
#include "dataplane/core/transactions.h"

namespace dataplane {
namespace {

TEST(KeyIndex, AgreesWithAMap) {
  KeyIndex index(256);
  std::map<uint32_t, uint64_t> model;  // slot to hash
  std::mt19937_64 random(11);
  for (int round = 0; round < 200000; ++round) {
    uint32_t slot = static_cast<uint32_t>(random() % 256);
    if (model.contains(slot)) {
      index.erase(model[slot], slot);
      model.erase(slot);
    } else {
      // Few different hashes, so that chains get long and wrap around.
      uint64_t hash = random() % 64 * 8 + 480;
      index.insert(hash, slot);
      model[slot] = hash;
    }
    uint32_t probe = static_cast<uint32_t>(random() % 256);
    if (!model.contains(probe)) continue;
    ASSERT_EQ(index.find(model[probe], [&](uint32_t s) { return s == probe; }), probe);
  }
  EXPECT_EQ(index.find(1, [](uint32_t) { return true; }), KeyIndex::kNone);
}

TEST(BlobPool, GoesUpASizeAndCountsHolders) {
  BlobPool pool(16, 16);
  std::vector<Blob> blobs;
  for (int i = 0; i < 40; ++i) {
    Blob blob = pool.store(std::string(100, static_cast<char>('a' + i % 26)));
    ASSERT_NE(blob, kNoBlob);
    EXPECT_EQ(pool.text(blob), std::string(100, static_cast<char>('a' + i % 26)));
    blobs.push_back(blob);
  }
  Blob shared = pool.share(blobs[0]);
  for (Blob& blob : blobs) pool.drop(blob);
  EXPECT_EQ(pool.in_use(), 1u);
  EXPECT_EQ(pool.text(shared).size(), 100u);
  pool.drop(shared);
  EXPECT_EQ(pool.in_use(), 0u);
  EXPECT_EQ(shared, kNoBlob);
  while (pool.store(std::string(60000, 'x')) != kNoBlob) {
  }
  EXPECT_EQ(pool.store(std::string(60000, 'x')), kNoBlob);
}

TEST(Transactions, SlotsComeBackWithAnotherGeneration) {
  Transactions table(2, 2, 0);
  uint32_t server = table.new_server({1, 2});
  EXPECT_EQ(table.find({1, 2}), kNoSlot);
  uint32_t client = table.new_client(server);
  uint32_t branch = table.client(client).branch;
  EXPECT_EQ(table.find({1, 2}), branch);
  EXPECT_EQ(table.branch(branch).server, server);
  EXPECT_EQ(table.find({1, 3}), kNoSlot);
  uint32_t generation = table.client(client).generation;
  EXPECT_TRUE(table.current(branch, generation));
  table.free_client(client);
  EXPECT_FALSE(table.current(branch, generation));
  EXPECT_FALSE(table.current(99, 0));
  EXPECT_EQ(table.find({1, 2}), branch);  // it still stands for the server
  uint32_t second = table.new_client(server);
  EXPECT_NE(table.client(second).branch, branch);
  EXPECT_EQ(table.new_client(server), kNoSlot);
  table.free_server(server);
  EXPECT_EQ(table.find({1, 2}), kNoSlot);
  EXPECT_EQ(table.client(second).server, kNoSlot);
  server = table.new_server({1, 2});
  uint32_t third = table.new_client(server);
  EXPECT_EQ(table.client(third).branch, branch);
  EXPECT_FALSE(table.current(branch, generation));
  EXPECT_TRUE(table.current(branch, generation + 1));
}

// Random lives of transactions; every slot comes back, every key and token leads where it should.
TEST(Transactions, LivesOfAllKinds) {
  Transactions table(8, 16, 16);
  std::mt19937 random(3);
  struct Life {
    uint32_t server;
    std::vector<uint32_t> clients;
  };
  std::map<uint64_t, Life> at_work;
  std::map<uint64_t, uint32_t> retired;
  for (uint64_t key = 1; key < 50000; ++key) {
    if (uint32_t server = table.new_server({key, key}); server != kNoSlot) {
      uint32_t client = table.new_client(server);
      if (client == kNoSlot) {
        table.free_server(server);
      } else {
        at_work[key] = {server, {client}};
      }
    }
    for (int i = 0; i < 2 && !at_work.empty(); ++i) {
      auto it = std::next(at_work.begin(), random() % at_work.size());
      auto& [server, clients] = it->second;
      uint32_t action = random() % 5;
      if (action == 0) {
        if (uint32_t more = table.new_client(server); more != kNoSlot) clients.push_back(more);
      } else if (action == 1 && !clients.empty()) {
        table.free_client(clients.front());
        clients.erase(clients.begin());
      } else if (action == 2 && clients.size() == 1) {
        retired[it->first] = table.retire(server, clients[0]);
        at_work.erase(it);
      } else if (action == 3) {
        table.free_server(server);
        for (uint32_t client : clients) table.free_client(client);
        at_work.erase(it);
      }
    }
    if (!retired.empty() && random() % 2 == 0) {
      table.free_retired(retired.begin()->second);
      retired.erase(retired.begin());
    }
    for (const auto& [k, life] : at_work) {
      ASSERT_EQ(table.branch(table.find({k, k})).server, life.server);
      for (uint32_t one : life.clients) {
        ASSERT_TRUE(table.current(table.client(one).branch, table.client(one).generation));
        ASSERT_EQ(table.branch(table.client(one).branch).client, one);
      }
    }
    for (const auto& [k, branch] : retired) ASSERT_EQ(table.find({k, k}), branch);
  }
  EXPECT_GT(retired.size() + at_work.size(), 4u);
  for (const auto& [k, branch] : retired) table.free_retired(branch);
  for (const auto& [k, life] : at_work) {
    for (uint32_t client : life.clients) table.free_client(client);
    table.free_server(life.server);
  }
  EXPECT_EQ(table.servers_in_use() + table.clients_in_use() + table.branches_in_use(), 0u);
}

}  // namespace
}  // namespace dataplane
