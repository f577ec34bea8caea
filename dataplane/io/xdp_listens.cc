#include "dataplane/io/xdp_listens.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "control/link/descriptor.h"

namespace dataplane {
namespace {

using control::link::Descriptor;

struct ListenKey {
  uint8_t address[16];
  uint16_t port;
  uint16_t family;
};

constexpr char kMapName[] = "tandem_listens";

// The map of that name among those the attached program uses; -1: not found.
int find_map(uint32_t program_id) {
  Descriptor program(bpf_prog_get_fd_by_id(program_id));
  if (program.get() < 0) return -1;
  std::array<uint32_t, 16> ids{};
  bpf_prog_info info{};
  uint32_t size = sizeof info;
  info.nr_map_ids = ids.size();
  info.map_ids = reinterpret_cast<uint64_t>(ids.data());
  if (bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) return -1;
  for (uint32_t i = 0; i < info.nr_map_ids && i < ids.size(); ++i) {
    Descriptor map(bpf_map_get_fd_by_id(ids[i]));
    bpf_map_info about{};
    size = sizeof about;
    if (map.get() < 0 || bpf_obj_get_info_by_fd(map.get(), &about, &size) != 0) continue;
    if (std::strcmp(about.name, kMapName) == 0) return map.release();
  }
  return -1;
}

bool add(int map, const sipcore::Endpoint& listen, uint16_t port) {
  ListenKey key{};
  std::memcpy(key.address, listen.ip.bytes.data(), listen.ip.size());
  key.port = port;
  key.family = listen.ip.family == sipcore::Family::kV4 ? 4 : 6;
  uint8_t yes = 1;
  return bpf_map_update_elem(map, &key, &yes, BPF_ANY) == 0;
}

}  // namespace

void remove_left_program(const std::string& interface) {
  uint32_t id = 0;
  int index = static_cast<int>(if_nametoindex(interface.c_str()));
  if (index == 0 || bpf_xdp_query_id(index, 0, &id) != 0 || id == 0) return;
  Descriptor map(find_map(id));
  if (map.get() >= 0) bpf_xdp_detach(index, 0, nullptr);
}

std::string set_xdp_listens(const std::string& interface,
                            std::span<const sipcore::Endpoint> listens) {
  uint32_t id = 0;
  int index = static_cast<int>(if_nametoindex(interface.c_str()));
  if (index == 0 || bpf_xdp_query_id(index, 0, &id) != 0 || id == 0) {
    return "no XDP program is attached to " + interface;
  }
  Descriptor map(find_map(id));
  if (map.get() < 0) {
    return "the XDP program on " + interface + " is not Tandem's: take it off with 'ip link set " +
           interface + " xdp off'";
  }
  for (const sipcore::Endpoint& listen : listens) {
    bool added =
        add(map.get(), listen, static_cast<uint16_t>(listen.port << 8 | listen.port >> 8)) &&
        add(map.get(), listen, 0);
    if (!added) return "the XDP program on " + interface + " does not take more listen addresses";
  }
  return {};
}

}  // namespace dataplane
