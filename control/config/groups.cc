#include "control/config/groups.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/config/destination.h"
#include "control/link/choice.h"
#include "control/link/named.h"
#include "sipcore/grammar/uri.h"

namespace control::config {
namespace {

constexpr std::string_view kHeader = "header:";

void read_listen(Reader& reader, const toml::table& table, const Settings& settings,
                 DestinationSettings& destination) {
  std::string address;
  reader.text(table, "listen", address);
  if (address.empty()) return;
  auto endpoint = sipcore::parse_endpoint(address, sipcore::kDefaultPort);
  destination.listen = endpoint.value_or(sipcore::Endpoint{});
  std::string fault = endpoint ? wrong_listen(destination, settings)
                               : fmt::format("listen \"{}\" is no address", address);
  if (!fault.empty()) reader.error(table, "listen", fault);
}

void read_destination(Reader& reader, const toml::table& table, const Settings& settings,
                      GroupSettings& group) {
  DestinationSettings destination;
  reader.text(table, "uri", destination.uri);
  if (auto fault = read_destination_uri(destination); !fault.empty())
    reader.error(table, "uri", fault);
  reader.number(table, "weight", 0, 1000000, destination.weight);
  reader.number(table, "priority", 0, 65535, destination.priority);
  reader.number(table, "capacity", 0, 100000000, destination.capacity);
  reader.call_rate(table, destination.call_rate);
  reader.text(table, "attributes", destination.attributes);
  reader.flag(table, "enabled", destination.enabled);
  read_listen(reader, table, settings, destination);
  if (auto fault = misfit(destination, group, settings); !fault.empty())
    reader.error(table, "uri", fault);
  reader.finish(table, "[[group.destination]]");
  group.destinations.push_back(destination);
}

void read_algorithm(Reader& reader, const toml::table& table, link::Group& policy) {
  size_t algorithm = reader.choice(table, "algorithm", link::kAlgorithmNames, 0);
  policy.algorithm = static_cast<link::Algorithm>(algorithm);
  std::string of = "call_id";
  reader.text(table, "hash_of", of);
  static constexpr std::string_view kParts[] = {"call_id", "from", "to", "request_uri",
                                                "auth_user"};
  auto part = std::find(std::begin(kParts), std::end(kParts), of);
  if (part != std::end(kParts)) {
    policy.hash_of = static_cast<sipcore::HashOf>(part - std::begin(kParts));
  } else if (of.starts_with(kHeader) && of.size() > kHeader.size()) {
    policy.hash_of = sipcore::HashOf::kHeader;
    policy.hash_header = of.substr(kHeader.size());
  } else {
    reader.error(table, "hash_of",
                 "hash_of is call_id, from, to, request_uri, auth_user or header:NAME");
  }
  reader.number(table, "bounded_load_percent", 0, 1000, policy.bounded_load_percent);
  if (policy.bounded_load_percent > 0 && policy.bounded_load_percent <= 100) {
    reader.error(table, "bounded_load_percent",
                 "bounded_load_percent is 0, or from 101 to 1000: less than its fair share "
                 "for everybody leaves calls with nobody");
  }
}

void read_failures(Reader& reader, const toml::table& table, link::Group& policy) {
  reader.number(table, "failover_after_ms", 100, 32000, policy.failover_after_ms);
  reader.number(table, "tries", 1, 16, policy.tries);
  reader.codes(table, "failover_codes", 300, 599, policy.failover_codes);
  reader.codes(table, "breaker_codes", 300, 699, policy.breaker_codes);
  reader.number(table, "breaker_failures", 0, 1000, policy.breaker.failures);
  reader.number(table, "breaker_open_ms", 100, 3600000, policy.breaker.open_ms);
  reader.number(table, "breaker_most_open_ms", 100, 3600000, policy.breaker.most_open_ms);
  if (policy.breaker.most_open_ms < policy.breaker.open_ms) {
    bool said = table.contains("breaker_most_open_ms");
    reader.error(table, said ? "breaker_most_open_ms" : "breaker_open_ms",
                 "breaker_most_open_ms is not less than breaker_open_ms");
  }
  reader.number(table, "slow_start_ms", 0, 3600000, policy.slow_start_ms);
}

void read_probe(Reader& reader, const toml::table& group, link::Group& policy) {
  const toml::table& table = *reader.section(group, "probe");
  link::ProbeSettings& probe = policy.probe;
  reader.number(table, "interval_ms", 0, 3600000, probe.interval_ms);
  if (probe.interval_ms > 0 && probe.interval_ms < 100) {
    reader.error(table, "interval_ms", "interval_ms is 0, for no probes, or from 100 to 3600000");
  }
  reader.number(table, "timeout_ms", 50, 32000, probe.timeout_ms);
  reader.number(table, "down", 1, 100, probe.down);
  reader.number(table, "up", 1, 100, probe.up);
  for (int code : {401, 403, 404, 405, 407, 480, 481, 483, 486, 501}) {
    probe.codes.set(static_cast<size_t>(code));
  }
  reader.codes(table, "codes", 300, 699, probe.codes);
  reader.text(table, "from", probe.from);
  auto from = sipcore::parse_uri(probe.from);
  if (!probe.from.empty() && (!from || from->scheme != sipcore::Scheme::kSip)) {
    reader.error(table, "from", "from is a sip URI, like \"sip:tandem@example.com\"");
  }
  probe.calm_ms = policy.breaker.most_open_ms;
  reader.finish(table, "[group.probe]");
}

// A chain of fallbacks ends somewhere.
void check_names(Reader& reader, const std::vector<const toml::table*>& tables,
                 const Settings& out) {
  for (size_t i = 0; i < out.groups.size(); ++i) {
    const std::string& fallback = out.groups[i].fallback;
    size_t steps = 0;
    for (const GroupSettings* at = &out.groups[i]; at != nullptr && !at->fallback.empty();) {
      at = link::find_named(out.groups, at->fallback);
      if (++steps > out.groups.size()) break;
    }
    if (steps > out.groups.size()) {
      reader.error(*tables[i], "fallback", "the fallback of this group leads round in a circle");
    } else if (steps >= link::kMostFallbacks) {
      reader.error(*tables[i], "fallback",
                   fmt::format("behind this group are {} others, of which the last would never be "
                               "asked: at most {}",
                               steps, link::kMostFallbacks - 1));
    } else if (!fallback.empty() && link::find_named(out.groups, fallback) == nullptr) {
      reader.error(*tables[i], "fallback",
                   fmt::format("fallback \"{}\" is no [[group]]", fallback));
    }
  }
}

}  // namespace

void read_groups(Reader& reader, const toml::table& root, Settings& out) {
  std::vector<const toml::table*> tables = reader.list(root, "group");
  for (const toml::table* table : tables) {
    GroupSettings group;
    reader.text(*table, "name", group.name);
    if (group.name.empty()) reader.error(*table, "name", "a [[group]] needs a name");
    for (const GroupSettings& other : out.groups) {
      if (other.name == group.name) reader.error(*table, "name", "this group name is used twice");
    }
    reader.text(*table, "fallback", group.fallback);
    reader.number(*table, "capacity", 0, 100000000, group.policy.limit.capacity);
    reader.call_rate(*table, group.policy.limit.call_rate);
    read_algorithm(reader, *table, group.policy);
    read_failures(reader, *table, group.policy);
    read_probe(reader, *table, group.policy);
    for (const toml::table* one : reader.list(*table, "destination")) {
      read_destination(reader, *one, out, group);
    }
    reader.finish(*table, "[[group]]");
    out.groups.push_back(group);
  }
  check_names(reader, tables, out);
  if (out.groups.empty()) {
    reader.error(root, "no [[group]]: Tandem needs destinations to send calls to");
  }
}

void check_groups(Reader& reader, const toml::table& root, const Settings& out) {
  size_t destinations = 0;
  size_t limits_in_use = 0;
  for (const GroupSettings& group : out.groups) {
    destinations += group.destinations.size();
    limits_in_use += group.policy.limit.any();
  }
  for (const RuleSettings& rule : out.rules) limits_in_use += rule.limit.any();
  if (out.groups.size() > link::kMostGroups) {
    reader.error(root, "group", fmt::format("more than {} groups", link::kMostGroups),
                 link::kMostGroups);
  }
  if (destinations + limits_in_use > out.destinations) {
    const toml::table* limits = root["limits"].as_table();
    reader.error(limits == nullptr ? root : *limits, limits == nullptr ? "limits" : "destinations",
                 fmt::format("{} destinations and {} limits of groups and rules: destinations in "
                             "[limits] allows {}",
                             destinations, limits_in_use, out.destinations));
  }
}

}  // namespace control::config
