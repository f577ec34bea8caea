#include "control/config/restart.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include <toml++/toml.h>

namespace control::config {
namespace {

struct Fixed {
  const char* key;
  bool same;
};

using Faults = std::vector<Fault>;

void find_changed(Faults& out, const char* section, std::initializer_list<Fixed> keys,
                  size_t index = 0) {
  for (const Fixed& one : keys) {
    if (one.same) continue;
    out.push_back(
        {section, index, one.key, fmt::format("{} changes only with a restart", one.key)});
  }
}

// Those that come several times: each as it was, and as many.
template <typename T, typename Find>
void compare_lists(Faults& out, const char* section, const std::vector<T>& running,
                   const std::vector<T>& wanted, Find find) {
  size_t both = std::min(running.size(), wanted.size());
  for (size_t i = 0; i < both; ++i) find(running[i], wanted[i], i);
  if (running.size() == wanted.size()) return;
  out.push_back(
      {section, both, "", fmt::format("[[{}]] come and go only with a restart", section)});
}

}  // namespace

std::vector<Fault> needs_restart(const Settings& a, const Settings& b) {
  Faults out;
  find_changed(out, "node",
               {{"workers", a.workers == b.workers},
                {"cpus", a.cpus == b.cpus},
                {"idle", a.idle == b.idle},
                {"hugepages", a.hugepages == b.hugepages},
                {"eal_arguments", a.eal_arguments == b.eal_arguments},
                {"state", a.state == b.state},
                {"name_servers", a.name_servers == b.name_servers}});
  compare_lists(out, "port", a.ports, b.ports, [&](const auto& c, const auto& d, size_t index) {
    find_changed(out, "port",
                 {{"device", c.device == d.device},
                  {"twin", c.twin == d.twin},
                  {"checksum", c.verify_checksum == d.verify_checksum}},
                 index);
  });
  compare_lists(out, "listen", a.listens, b.listens,
                [&](const auto& c, const auto& d, size_t index) {
                  find_changed(out, "listen",
                               {{"address", c.address == d.address},
                                {"port", c.port == d.port},
                                {"advertise", c.advertised == d.advertised}},
                               index);
                });
  find_changed(out, "limits",
               {{"server_transactions", a.server_transactions == b.server_transactions},
                {"client_transactions", a.client_transactions == b.client_transactions},
                {"retired_transactions", a.retired_transactions == b.retired_transactions},
                {"stored_messages", a.stored_messages == b.stored_messages},
                {"calls", a.calls == b.calls},
                {"destinations", a.destinations == b.destinations},
                {"packets", a.packets == b.packets}});
  find_changed(out, "protect", {{"sources", a.sources == b.sources}});
  const ManagementSettings &m = a.management, &n = b.management;
  find_changed(out, "management",
               {{"socket", m.socket == n.socket},
                {"http", m.http == n.http},
                {"tls_certificate", m.tls_certificate == n.tls_certificate},
                {"tls_key", m.tls_key == n.tls_key}});
  return out;
}

std::string line_of(const Fault& fault, const std::string& path) {
  toml::source_position at{1, 1};
  try {
    toml::table root = toml::parse_file(path);
    const toml::node* section = root.get(fault.section);
    const toml::array* several = section == nullptr ? nullptr : section->as_array();
    if (several != nullptr && !several->empty()) {
      section = several->get(std::min(fault.index, several->size() - 1));
    }
    const toml::table* table = section == nullptr ? nullptr : section->as_table();
    const toml::node* key = table == nullptr ? nullptr : table->get(fault.key);
    if (section != nullptr) at = (key == nullptr ? section : key)->source().begin;
  } catch (const toml::parse_error&) {
    // It has changed since it was read: the sentence is what counts.
  }
  return fmt::format("{}:{}:{}: {}", path, at.line, at.column, fault.text);
}

}  // namespace control::config
