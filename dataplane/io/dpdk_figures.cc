#include "dataplane/io/dpdk_figures.h"

#include <rte_ethdev.h>
#include <rte_mempool.h>

namespace dataplane {
namespace {

struct PortWord {
  const char* what;
  const char* help;
  uint64_t rte_eth_stats::*member;
};

constexpr PortWord kPortWords[] = {
    {"received", "Frames that a port received.", &rte_eth_stats::ipackets},
    {"sent", "Frames that a port sent.", &rte_eth_stats::opackets},
    {"missed", "Frames lost because a worker came too late, where the driver tells.",
     &rte_eth_stats::imissed},
    {"no_packet", "Frames lost because the pool of packets was empty.", &rte_eth_stats::rx_nombuf},
    {"receive_errors", "Frames that came in damaged.", &rte_eth_stats::ierrors},
    {"send_errors", "Frames that a port could not send.", &rte_eth_stats::oerrors}};

}  // namespace

void add_pool_figures(const std::string& name, rte_mempool* pool,
                      std::vector<control::link::PortFigure>& out) {
  // Those that lie in the caches of workers are not in use.
  out.push_back({"pool", name, "in_use", "Packets in use, receive rings included.", false,
                 [pool] { return uint64_t{rte_mempool_in_use_count(pool)}; }});
  out.push_back(
      {"pool", name, "size", "Packets of a pool.", false, [pool] { return uint64_t{pool->size}; }});
}

void add_port_figures(const std::string& device, uint16_t id,
                      std::vector<control::link::PortFigure>& out) {
  for (const PortWord& word : kPortWords) {
    out.push_back({"port", device, word.what, word.help, true, [id, word] {
                     rte_eth_stats now{};
                     return rte_eth_stats_get(id, &now) == 0 ? now.*word.member : 0;
                   }});
  }
}

}  // namespace dataplane
