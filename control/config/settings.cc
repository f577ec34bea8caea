#include "control/config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "control/config/groups.h"
#include "control/config/management.h"
#include "control/config/protect.h"
#include "control/config/reader.h"
#include "control/config/rules.h"
#include "control/link/named.h"
#include "control/log/log.h"
#include "control/store/file.h"

namespace control::config {
namespace {

constexpr uint16_t kHepPort = 9060;

void read_name_servers(Reader& reader, const toml::table& node, Settings& out) {
  out.name_servers = reader.texts(node, "name_servers");
  for (size_t i = 0; i < out.name_servers.size(); ++i) {
    const std::string& one = out.name_servers[i];
    if (sipcore::parse_endpoint(one, 53)) continue;
    reader.error(node, "name_servers",
                 fmt::format("name_servers: \"{}\" is no address, like \"192.0.2.53:53\"", one), i);
  }
}

void read_node(Reader& reader, const toml::table& root, Settings& out) {
  const toml::table& node = *reader.section(root, "node");
  reader.text(node, "name", out.name);
  reader.number(node, "workers", 1, 64, out.workers);
  size_t idle = reader.choice(node, "idle", {"auto", "spin", "pause", "sleep"}, 0);
  out.idle = static_cast<Idle>(idle);
  reader.flag(node, "hugepages", out.hugepages);
  reader.text(node, "eal_arguments", out.eal_arguments);
  read_name_servers(reader, node, out);
  reader.text(node, "state", out.state);
  if (out.state.size() < 2 || out.state.front() != '/') {
    reader.error(node, "state",
                 "state is the absolute path of a directory, like \"/var/lib/tandem\"");
  }
  if (const toml::node* cpus = reader.raw(node, "cpus")) {
    const toml::array* list = cpus->as_array();
    for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
      auto cpu = (*list)[i].value_exact<int64_t>();
      if (cpu && *cpu >= 0 && *cpu < 1024) out.cpus.push_back(static_cast<uint32_t>(*cpu));
    }
    if (list == nullptr || out.cpus.size() != list->size() || out.cpus.size() != out.workers) {
      reader.error(*cpus, fmt::format("cpus lists one CPU number for each of the {} workers, "
                                      "like [1, 2]",
                                      out.workers));
    }
  }
  reader.finish(node, "[node]");
}

// As the kernel takes it, and DPDK does between commas.
bool is_interface(std::string_view name) {
  return !name.empty() && name.size() <= 15 && name.find_first_of("/ ,:") == name.npos &&
         name != "." && name != "..";
}

std::string_view behind_colon(std::string_view device) {
  return device.substr(device.find(':') + 1);
}

// Domain, bus, device and function, in hexadecimal digits but for the last.
bool is_pci(std::string_view text) {
  constexpr std::string_view kForm = "xxxx:xx:xx.7";
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    bool fits = kForm[i] == 'x'   ? std::isxdigit(static_cast<uint8_t>(text[i])) != 0
                : kForm[i] == '7' ? text[i] >= '0' && text[i] <= '7'
                                  : text[i] == kForm[i];
    if (!fits) return false;
  }
  return true;
}

// One interface by whatever driver; the digits of a PCI address in any case.
bool is_same_device(std::string_view a, std::string_view b) {
  if (is_pci(a) && is_pci(b)) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](uint8_t x, uint8_t y) { return std::tolower(x) == std::tolower(y); });
  }
  return !is_pci(a) && !is_pci(b) && behind_colon(a) == behind_colon(b);
}

bool is_device(std::string_view text) {
  std::string_view rest = behind_colon(text);
  bool kernel = text.starts_with("af_xdp:") || text.starts_with("af_packet:");
  if (kernel) return is_interface(rest);
  if (text.starts_with("memif:")) return !rest.empty() && rest.find(',') == rest.npos;
  return is_pci(text);
}

void read_ports(Reader& reader, const toml::table& root, Settings& out) {
  for (const toml::table* table : reader.list(root, "port")) {
    PortSettings port;
    reader.text(*table, "device", port.device);
    port.twin = fmt::format("tandem{}", out.ports.size());
    reader.text(*table, "twin", port.twin);
    if (!is_interface(port.twin)) {
      reader.error(*table, "twin", "twin is the name of a network interface, like \"tandem0\"");
    }
    port.verify_checksum = reader.choice(*table, "checksum", {"trust", "verify"}, 0) == 1;
    if (!is_device(port.device)) {
      reader.error(*table, "device",
                   "device is af_xdp:INTERFACE, af_packet:INTERFACE, memif:SOCKET or a PCI "
                   "address like 0000:03:00.0");
    }
    for (const PortSettings& other : out.ports) {
      if (is_device(port.device) && is_same_device(other.device, port.device)) {
        reader.error(*table, "device", "this device is another [[port]] already");
      }
      if (other.twin == port.twin) reader.error(*table, "twin", "another [[port]] has this twin");
    }
    reader.finish(*table, "[[port]]");
    out.ports.push_back(port);
  }
  if (out.ports.empty()) reader.error(root, "no [[port]]: Tandem needs one to receive packets by");
}

void read_advertised(Reader& reader, const toml::table& table, ListenSettings& out) {
  std::string text;
  reader.text(table, "advertise", text);
  if (text.empty()) return;
  auto endpoint = sipcore::parse_endpoint(text, sipcore::kDefaultPort);
  bool fits = endpoint && (out.address.ip.none() || endpoint->ip.family == out.address.ip.family);
  if (!fits || endpoint->ip.unusable_as_target()) {
    return reader.error(table, "advertise",
                        "advertise is an IP address with its UDP port, like \"203.0.113.1:5060\", "
                        "of the family of address");
  }
  out.advertised = *endpoint;
}

void read_listens(Reader& reader, const toml::table& root, Settings& out) {
  for (const toml::table* table : reader.list(root, "listen")) {
    ListenSettings listen;
    std::string address, device = out.ports.empty() ? "" : out.ports.front().device;
    reader.text(*table, "address", address);
    reader.text(*table, "port", device);
    reader.text(*table, "group", listen.group);
    read_networks(reader, *table, "proxy_protocol_from", listen.balancers);
    auto endpoint = sipcore::parse_endpoint(address, sipcore::kDefaultPort);
    if (!endpoint || endpoint->ip.unusable_as_target()) {
      reader.error(*table, "address",
                   "address is an IP address of this node with its UDP port, like "
                   "\"192.0.2.1:5060\" or \"[2001:db8::1]:5060\"");
    } else {
      listen.address = *endpoint;
    }
    read_advertised(reader, *table, listen);
    while (listen.port < out.ports.size() && out.ports[listen.port].device != device) ++listen.port;
    if (listen.port == out.ports.size()) {
      reader.error(*table, "port", fmt::format("port \"{}\" is the device of no [[port]]", device));
    }
    for (const ListenSettings& other : out.listens) {
      if (other.address == listen.address)
        reader.error(*table, "address", "this address is listed twice");
    }
    reader.finish(*table, "[[listen]]");
    out.listens.push_back(listen);
  }
  if (out.listens.empty())
    reader.error(root, "no [[listen]]: Tandem needs an address to answer on");
}

// The groups that listens name are known only now.
void check_listens(Reader& reader, const toml::table& root, const Settings& out) {
  std::vector<const toml::table*> tables = reader.list(root, "listen");
  for (size_t i = 0; i < out.listens.size(); ++i) {
    const std::string& name = out.listens[i].group;
    if (!name.empty() && link::find_named(out.groups, name) == nullptr) {
      reader.error(*tables[i], "group", fmt::format("group \"{}\" is no [[group]]", name));
    }
  }
}

void read_limits(Reader& reader, const toml::table& root, Settings& out) {
  const toml::table& timers = *reader.section(root, "timers");
  reader.number(timers, "t1_ms", 10, 10000, out.timers.t1_ms);
  reader.number(timers, "t2_ms", 10, 60000, out.timers.t2_ms);
  reader.number(timers, "t4_ms", 10, 60000, out.timers.t4_ms);
  reader.number(timers, "timer_c_ms", 180001, 3600000, out.timers.timer_c_ms);
  reader.number(timers, "timer_d_ms", 10, 64000, out.timers.timer_d_ms);
  reader.number(timers, "retry_after_s", 1, 3600, out.retry_after_s);
  reader.number(timers, "most_held_s", 1, 86400, out.most_held_s);
  reader.number(timers, "longest_call_s", 60, 604800, out.longest_call_s);
  reader.finish(timers, "[timers]");
  const toml::table& limits = *reader.section(root, "limits");
  reader.number(limits, "server_transactions", 64, 1U << 26, out.server_transactions);
  reader.number(limits, "client_transactions", 64, 1U << 26, out.client_transactions);
  reader.number(limits, "retired_transactions", 64, 1U << 28, out.retired_transactions);
  reader.number(limits, "stored_messages", 64, 1U << 26, out.stored_messages);
  reader.number(limits, "calls", 64, 1U << 26, out.calls);
  reader.number(limits, "destinations", 16, 60000, out.destinations);
  reader.number(limits, "packets", 2048, 1U << 22, out.packets);
  reader.finish(limits, "[limits]");
}

void read_rest(Reader& reader, const toml::table& root, Settings& out) {
  read_management(reader, root, out.management);
  const toml::table& trace = *reader.section(root, "trace");
  std::string hep;
  reader.text(trace, "hep", hep);
  if (!hep.empty()) out.hep = sipcore::parse_endpoint(hep, kHepPort);
  if (!hep.empty() && (!out.hep || out.hep->ip.unusable_as_target())) {
    reader.error(trace, "hep", "hep is the address of a collector, like \"192.0.2.50:9060\"");
  }
  reader.number(trace, "hep_node", 0, 0xffffffff, out.hep_node);
  reader.finish(trace, "[trace]");
  const toml::table& section = *reader.section(root, "log");
  out.log_level = log::kLevels[reader.choice(section, "level", log::kLevels, 1)];
  out.log_json = reader.choice(section, "format", {"text", "json"}, 0) == 1;
  reader.finish(section, "[log]");
}

}  // namespace

uint16_t group_index(const Settings& settings, std::string_view name) {
  const GroupSettings* found = link::find_named(settings.groups, name);
  return found == nullptr ? link::kNoGroup : static_cast<uint16_t>(found - settings.groups.data());
}

uint16_t listen_index(const Settings& settings, const sipcore::Endpoint& address) {
  for (size_t i = 0; i < settings.listens.size(); ++i) {
    if (settings.listens[i].address == address) return static_cast<uint16_t>(i);
  }
  return link::kAnyListen;
}

resolve::Families families(const Settings& settings) {
  resolve::Families out{false, false};
  for (const ListenSettings& listen : settings.listens) {
    (listen.address.ip.family == sipcore::Family::kV4 ? out.v4 : out.v6) = true;
  }
  return out;
}

std::variant<Settings, Errors> parse(std::string_view text, std::string_view file) {
  Errors errors;
  Reader reader(std::string(file), errors.lines);
  Settings out;
  try {
    toml::table root = toml::parse(text, file);
    read_node(reader, root, out);
    read_ports(reader, root, out);
    read_listens(reader, root, out);
    read_limits(reader, root, out);
    read_groups(reader, root, out);
    read_rules(reader, root, out);
    check_groups(reader, root, out);
    read_protect(reader, root, out);
    check_listens(reader, root, out);
    read_rest(reader, root, out);
    reader.finish(root, "the file");
  } catch (const toml::parse_error& fault) {
    reader.error(fault.source(), std::string(fault.description()));
  }
  if (!errors.lines.empty()) return errors;
  return out;
}

std::variant<Settings, Errors> load(const std::string& path) {
  try {
    if (auto text = store::read_file(path)) return parse(*text, path);
    return Errors{{path + ":1:1: there is no such file"}};
  } catch (const std::runtime_error& fault) {
    return Errors{{path + ":1:1: " + fault.what()}};
  }
}

}  // namespace control::config
