// What pools and ports of DPDK tell of themselves. For the dpdk_* files only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/link/port_figure.h"

struct rte_mempool;

namespace dataplane {

void add_pool_figures(const std::string& name, rte_mempool* pool,
                      std::vector<control::link::PortFigure>& out);
// `id` is the port of DPDK.
void add_port_figures(const std::string& device, uint16_t id,
                      std::vector<control::link::PortFigure>& out);

}  // namespace dataplane
