// What the configuration file says, checked and with defaults filled in. conf/tandem.toml has every
// key with its meaning; a test reads that file with this parser.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/link/running_config.h"
#include "control/resolve/resolver.h"

namespace control::config {

// What a worker does when nothing comes; kAuto: pause, or sleep where workers take every CPU.
enum class Idle : uint8_t { kAuto, kSpin, kPause, kSleep };

struct PortSettings {
  std::string device;  // af_xdp:IF, af_packet:IF, memif:SOCKET or a PCI address
  std::string twin;    // TAP interface of a memif or PCI port
  bool verify_checksum = false;
  // Whether it is an interface of the kernel, so that it needs no twin.
  bool is_interface() const {
    return device.starts_with("af_xdp:") || device.starts_with("af_packet:");
  }
};

struct ListenSettings {
  sipcore::Endpoint address;
  uint16_t port = 0;                     // index in `ports`
  std::string group;                     // that gets what comes here; empty: the first one
  std::vector<link::Network> balancers;  // that say by a PROXY header for whom they send
  sipcore::Endpoint advertised;          // by which callers know it; none: the address
};

struct DestinationSettings {
  std::string uri;
  sipcore::Endpoint endpoint;  // none where the URI has a name
  resolve::HostName name;      // else empty
  uint32_t weight = 1;
  uint32_t priority = 0;
  uint32_t capacity = 0;        // calls at a time; 0: no limit
  sipcore::CallRate call_rate;  // new calls
  std::string attributes;
  sipcore::Endpoint listen;  // of ours, that it is sent to from; none: whichever leads there
  bool enabled = true;
};

struct GroupSettings {
  std::string name;
  link::Group policy;    // without name and destinations
  std::string fallback;  // name of a group; empty: none
  std::vector<DestinationSettings> destinations;
};

struct RuleSettings {
  enum class On : uint8_t { kRequest, kResponse, kFailure };
  static constexpr std::string_view kOnWords[] = {"request", "response", "failure"};
  On on = On::kRequest;
  sipcore::Rule rule;   // without the numbers of its group and policy
  std::string group;    // name of a group; empty: none
  std::string send_to;  // URI; its group is named by it
  link::CallLimit limit;
  uint32_t refusal = 503;  // what is beyond the limit is answered with
};

// With the name of a group behind it: the mark of what comes from one of its destinations.
inline constexpr std::string_view kFromGroup = "from group ";

struct ManagementSettings {
  std::string socket = "/run/tandem/tandem.sock";
  sipcore::Endpoint http;                // port 0: none
  std::string token;                     // a secret; empty: nothing can be changed over HTTP
  bool open_reading = false;             // page and metrics without the token
  std::string tls_certificate, tls_key;  // files in PEM; empty: no TLS
  friend bool operator==(const ManagementSettings&, const ManagementSettings&) = default;
};

// Beginnings of the User-Agent of tools that look for holes.
inline const std::vector<std::string> kScanners = {
    "friendly-scanner", "friendly-request", "sipvicious", "sipcli", "sip-scan", "sundayddr", "iwar",
    "pplsip",           "VaxSIPUserAgent",  "smap"};

struct Settings {
  std::string name = "tandem";
  uint32_t workers = 1;
  std::vector<uint32_t> cpus;  // one per worker; empty: the last ones of the machine
  Idle idle = Idle::kAuto;
  bool hugepages = true;
  std::string eal_arguments;
  std::vector<std::string> name_servers;  // addresses with ports; empty: the machine's
  std::string state = "/var/lib/tandem";  // directory of what outlives the process
  std::vector<PortSettings> ports;
  std::vector<ListenSettings> listens;
  std::vector<GroupSettings> groups;
  std::vector<RuleSettings> rules;
  std::vector<std::string> marks;  // that rules set, and kFromGroup; the index is the bit
  link::SourceLimits source_limits;
  std::vector<link::Network> trusted, denied;
  std::vector<std::string> scanners = kScanners;
  bool ban_scanners = false;
  uint32_t ban_s = 600;
  uint32_t sources = 65536;  // remembered, of the node
  sipcore::TimerValues timers;
  uint32_t retry_after_s = 5;
  uint32_t most_held_s = 300;
  uint32_t longest_call_s = 43200;
  uint32_t server_transactions = 131072;  // per worker, as those up to `calls`
  uint32_t client_transactions = 196608;
  uint32_t retired_transactions = 524288;
  uint32_t stored_messages = 65536;
  uint32_t calls = 262144;
  uint32_t destinations = 4096;  // of the node, as packets
  uint32_t packets = 16384;
  ManagementSettings management;
  std::optional<sipcore::Endpoint> hep;  // where traced messages go
  uint32_t hep_node = 1;
  std::string log_level = "info";
  bool log_json = false;
};

// The place of a group among `groups`, or link::kNoGroup.
uint16_t group_index(const Settings& settings, std::string_view name);

// The place of an address among `listens`, or link::kAnyListen.
uint16_t listen_index(const Settings& settings, const sipcore::Endpoint& address);

// Those of the addresses that the node listens on.
resolve::Families families(const Settings& settings);

// Each line is "file:line:column: what is wrong and what would be right".
struct Errors {
  std::vector<std::string> lines;
};

// Text of a configuration; `file` is its name in errors. Everything wrong is reported at once.
std::variant<Settings, Errors> parse(std::string_view text, std::string_view file);
std::variant<Settings, Errors> load(const std::string& path);

}  // namespace control::config
