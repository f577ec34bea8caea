#include "dataplane/core/transactions.h"

#include "sipcore/check.h"

namespace dataplane {

Transactions::Transactions(size_t servers, size_t clients)
    : servers_(servers), clients_(clients), index_(servers) {
  for (size_t i = servers; i-- > 0;) free_servers_.push_back(static_cast<uint32_t>(i));
  for (size_t i = clients; i-- > 0;) free_clients_.push_back(static_cast<uint32_t>(i));
}

uint32_t Transactions::find(const sipcore::Hash128& key) const {
  return index_.find(key.low, [&](uint32_t slot) { return servers_[slot].key.high == key.high; });
}

void Transactions::prefetch_server(const sipcore::Hash128& key) const {
  index_.prefetch(key.low);
  if (!free_servers_.empty()) prefetch(servers_, free_servers_.back());
  if (!free_clients_.empty()) prefetch(clients_, free_clients_.back());
}

void Transactions::prefetch_client(uint32_t slot) const {
  if (slot < clients_.size()) prefetch(clients_, slot);
}

uint32_t Transactions::new_server(const sipcore::Hash128& key) {
  if (free_servers_.empty()) return kNoSlot;
  uint32_t slot = free_servers_.back();
  free_servers_.pop_back();
  servers_[slot] = {};
  servers_[slot].key = key;
  servers_[slot].in_use = true;
  index_.insert(key.low, slot);
  return slot;
}

uint32_t Transactions::new_client(uint32_t server) {
  if (free_clients_.empty()) return kNoSlot;
  uint32_t slot = free_clients_.back();
  free_clients_.pop_back();
  uint32_t generation = clients_[slot].generation;
  clients_[slot] = {};
  clients_[slot].generation = generation;
  clients_[slot].in_use = true;
  clients_[slot].server = server;
  if (server != kNoSlot) {
    clients_[slot].next = servers_[server].first_client;
    servers_[server].first_client = slot;
  }
  return slot;
}

void Transactions::free_server(uint32_t slot) {
  ServerTransaction& server = servers_[slot];
  CHECK(server.in_use);
  for (uint32_t at = server.first_client; at != kNoSlot;) {
    uint32_t next = clients_[at].next;
    clients_[at].server = clients_[at].next = kNoSlot;
    at = next;
  }
  index_.erase(server.key.low, slot);
  server.in_use = false;
  free_servers_.push_back(slot);
}

void Transactions::free_client(uint32_t slot) {
  ClientTransaction& client = clients_[slot];
  CHECK(client.in_use);
  if (client.server != kNoSlot) {
    uint32_t* link = &servers_[client.server].first_client;
    while (*link != slot) link = &clients_[*link].next;
    *link = client.next;
  }
  if (client.cancel != kNoSlot) clients_[client.cancel].cancel = kNoSlot;
  client.in_use = false;
  ++client.generation;
  free_clients_.push_back(slot);
}

}  // namespace dataplane
