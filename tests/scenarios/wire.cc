// A wire between a memif port of Tandem and a kernel interface: what comes in by one goes out by
// the other, whatever it is. Usage: wire SOCKET INTERFACE; ends on SIGTERM.
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

constexpr uint16_t kBurst = 32;
constexpr uint16_t kRing = 512;

volatile std::sig_atomic_t ended = 0;

void fail(const char* what) {
  std::fprintf(stderr, "wire: %s: %s\n", what, rte_strerror(rte_errno));
  std::exit(1);
}

uint16_t start(const char* name, rte_mempool* pool) {
  uint16_t id = 0;
  rte_eth_conf conf{};
  if (rte_eth_dev_get_port_by_name(name, &id) != 0) fail(name);
  if (rte_eth_dev_configure(id, 1, 1, &conf) != 0) fail("configure");
  if (rte_eth_rx_queue_setup(id, 0, kRing, 0, nullptr, pool) != 0) fail("receive queue");
  if (rte_eth_tx_queue_setup(id, 0, kRing, 0, nullptr) != 0) fail("send queue");
  if (rte_eth_dev_start(id) != 0) fail("start");
  rte_eth_promiscuous_enable(id);
  return id;
}

bool move(uint16_t from, uint16_t to) {
  rte_mbuf* burst[kBurst];
  uint16_t count = rte_eth_rx_burst(from, 0, burst, kBurst);
  uint16_t sent = rte_eth_tx_burst(to, 0, burst, count);
  for (uint16_t i = sent; i < count; ++i) rte_pktmbuf_free(burst[i]);
  return count > 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: wire SOCKET INTERFACE\n");
    return 2;
  }
  std::signal(SIGTERM, [](int) { ended = 1; });
  std::vector<std::string> arguments = {
      "wire",
      "--no-huge",
      "-m",
      "64",
      "--no-pci",
      "--no-telemetry",
      "--no-shconf",
      "--file-prefix=wire" + std::to_string(getpid()),
      "--log-level=pmd:error",
      "-l",
      "0",
      std::string("--vdev=net_memif0,role=client,socket-abstract=no,bsize=2048,rsize=10,socket=") +
          argv[1],
      std::string("--vdev=net_af_xdp0,iface=") + argv[2]};
  std::vector<char*> list;
  for (std::string& one : arguments) list.push_back(one.data());
  if (rte_eal_init(static_cast<int>(list.size()), list.data()) < 0) fail("EAL");
  rte_mempool* pool = rte_pktmbuf_pool_create("wire", 8192, 64, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  if (pool == nullptr) fail("memory");
  uint16_t memif = start("net_memif0", pool), interface = start("net_af_xdp0", pool);
  std::puts("ready");
  std::fflush(stdout);
  // It shares its CPU with the callers: when nothing comes it sleeps a little.
  while (ended == 0) {
    bool busy = move(memif, interface);
    busy |= move(interface, memif);
    if (!busy) usleep(200);
  }
  for (uint16_t id : {memif, interface}) {
    rte_eth_dev_stop(id);
    rte_eth_dev_close(id);
  }
  return 0;
}
