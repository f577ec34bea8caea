#include "dataplane/core/transactions.h"

#include "sipcore/check.h"

namespace dataplane {

namespace {

std::vector<uint32_t> all_free(size_t slots) {
  std::vector<uint32_t> out;
  for (size_t i = slots; i-- > 0;) out.push_back(static_cast<uint32_t>(i));
  return out;
}

uint32_t take(std::vector<uint32_t>& free) {
  uint32_t slot = free.back();
  free.pop_back();
  return slot;
}

}  // namespace

Transactions::Transactions(size_t servers, size_t clients, size_t retired)
    : servers_(servers),
      clients_(clients),
      branches_(clients + retired),
      free_servers_(all_free(servers)),
      free_clients_(all_free(clients)),
      free_branches_(all_free(clients + retired)),
      index_(clients + retired) {}

uint32_t Transactions::find(const sipcore::Hash128& key) const {
  return index_.find(key.low, [&](uint32_t slot) { return branches_[slot].key == key; });
}

void Transactions::prefetch_key(const sipcore::Hash128& key) const {
  index_.prefetch(key.low);
  if (!free_servers_.empty()) prefetch(servers_, free_servers_.back());
  if (!free_clients_.empty()) prefetch(clients_, free_clients_.back());
  if (!free_branches_.empty()) prefetch(branches_, free_branches_.back());
}

void Transactions::prefetch_branch(uint32_t slot) const { prefetch(branches_, slot); }

uint32_t Transactions::new_server(const sipcore::Hash128& key) {
  if (free_servers_.empty()) return kNoSlot;
  uint32_t slot = take(free_servers_);
  servers_[slot] = {};
  servers_[slot].key = key;
  servers_[slot].in_use = true;
  return slot;
}

uint32_t Transactions::new_cancel() {
  if (free_clients_.empty()) return kNoSlot;
  uint32_t slot = take(free_clients_);
  clients_[slot] = {};
  clients_[slot].in_use = true;
  return slot;
}

uint32_t Transactions::new_client(uint32_t server) {
  if (free_branches_.empty()) return kNoSlot;
  uint32_t slot = new_cancel();
  if (slot == kNoSlot) return kNoSlot;
  ClientTransaction& client = clients_[slot];
  client.server = server;
  client.next = servers_[server].first_client;
  servers_[server].first_client = slot;
  client.branch = new_branch(server, slot);
  client.generation = branches_[client.branch].generation;
  return slot;
}

// The first branch of a server stands for it in the index.
uint32_t Transactions::new_branch(uint32_t server, uint32_t client) {
  uint32_t slot = take(free_branches_);
  Branch& branch = branches_[slot];
  branch.server = server;
  branch.client = client;
  if (servers_[server].branch == kNoSlot) {
    servers_[server].branch = slot;
    branch.key = servers_[server].key;
    index_.insert(branch.key.low, slot);
  }
  return slot;
}

void Transactions::free_branch_if_unused(uint32_t slot) {
  const Branch& branch = branches_[slot];
  bool indexed = branch.server != kNoSlot && servers_[branch.server].branch == slot;
  if (branch.client != kNoSlot || indexed) return;
  branches_[slot].server = kNoSlot;
  free_branches_.push_back(slot);
}

void Transactions::free_server(uint32_t slot) {
  ServerTransaction& server = servers_[slot];
  CHECK(server.in_use);
  for (uint32_t at = server.first_client; at != kNoSlot;) {
    uint32_t next = clients_[at].next;
    clients_[at].server = clients_[at].next = kNoSlot;
    branches_[clients_[at].branch].server = kNoSlot;
    at = next;
  }
  if (server.branch != kNoSlot) {
    index_.erase(server.key.low, server.branch);
    branches_[server.branch].server = kNoSlot;
    free_branch_if_unused(server.branch);
  }
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
  if (client.branch != kNoSlot) {
    branches_[client.branch].client = kNoSlot;
    ++branches_[client.branch].generation;
    free_branch_if_unused(client.branch);
  }
  client.in_use = false;
  free_clients_.push_back(slot);
}

uint32_t Transactions::retire(uint32_t server_slot, uint32_t client_slot) {
  ServerTransaction& server = servers_[server_slot];
  uint32_t slot = clients_[client_slot].branch;
  if (slot != server.branch) {  // the first destination failed
    index_.erase(server.key.low, server.branch);
    branches_[server.branch].server = kNoSlot;
    free_branch_if_unused(server.branch);
    index_.insert(server.key.low, slot);
  }
  Branch& branch = branches_[slot];
  static_cast<Answer&>(branch) = server;
  branch.retired = true;
  branch.server = branch.client = kNoSlot;
  branch.key = server.key;
  clients_[client_slot].in_use = false;
  free_clients_.push_back(client_slot);
  server.in_use = false;
  free_servers_.push_back(server_slot);
  return slot;
}

void Transactions::free_retired(uint32_t slot) {
  Branch& branch = branches_[slot];
  CHECK(branch.retired);
  index_.erase(branch.key.low, slot);
  branch.retired = false;
  ++branch.generation;
  free_branches_.push_back(slot);
}

}  // namespace dataplane
