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
  BlobPool pool(16);
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
  Transactions table(2, 2);
  uint32_t server = table.new_server({1, 2});
  EXPECT_EQ(table.find({1, 2}), server);
  EXPECT_EQ(table.find({1, 3}), kNoSlot);
  uint32_t client = table.new_client(server);
  uint32_t generation = table.client(client).generation;
  EXPECT_TRUE(table.current(client, generation));
  table.free_client(client);
  EXPECT_FALSE(table.current(client, generation));
  EXPECT_FALSE(table.current(99, 0));
  EXPECT_EQ(table.new_client(server), client);
  EXPECT_FALSE(table.current(client, generation));
  EXPECT_TRUE(table.current(client, generation + 1));
  EXPECT_NE(table.new_client(server), kNoSlot);
  EXPECT_EQ(table.new_client(server), kNoSlot);
  table.free_server(server);
  EXPECT_EQ(table.find({1, 2}), kNoSlot);
  EXPECT_EQ(table.client(client).server, kNoSlot);
}

}  // namespace
}  // namespace dataplane
