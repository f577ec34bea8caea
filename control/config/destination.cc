#include "control/config/destination.h"

#include <fmt/format.h>

#include <algorithm>

#include "sipcore/grammar/chars.h"
#include "sipcore/grammar/uri.h"

namespace control::config {

namespace {

// Letters, digits, hyphens and dots, the last label no number (RFC 3261 25.1: hostname).
bool may_be_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.find("..") != host.npos) {
    return false;
  }
  bool plain = std::all_of(host.begin(), host.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
  });
  std::string_view last = host.substr(host.rfind('.') + 1);
  bool number = last.find_first_not_of("0123456789") == last.npos;
  return plain && !number;
}

}  // namespace

std::string read_destination_uri(DestinationSettings& destination) {
  auto uri = sipcore::parse_uri(destination.uri);
  auto ip =
      uri && uri->scheme == sipcore::Scheme::kSip ? sipcore::parse_ip(uri->host) : std::nullopt;
  bool sip = uri && uri->scheme == sipcore::Scheme::kSip;
  if (!sip || (ip && ip->unusable_as_target()) || (!ip && !may_be_name(uri->host))) {
    return "uri is a sip URI, like \"sip:192.0.2.9:5060\" or \"sip:sbc.example.com\"";
  }
  auto transport = sipcore::find_uri_param(uri->params, "transport");
  if (transport && !sipcore::equal_nocase(transport->value, "udp")) {
    return fmt::format("{}: Tandem speaks UDP only", destination.uri);
  }
  if (ip) {
    destination.endpoint = {*ip, uri->port != 0 ? uri->port : sipcore::kDefaultPort};
    return {};
  }
  destination.name = {std::string(uri->host), uri->port};
  for (char& c : destination.name.host) c = sipcore::lower(c);
  return {};
}

bool is_own(const Settings& settings, const sipcore::Endpoint& endpoint) {
  return std::any_of(
      settings.listens.begin(), settings.listens.end(), [&](const ListenSettings& listen) {
        return listen.address == endpoint || (!endpoint.ip.none() && listen.advertised == endpoint);
      });
}

bool is_balancer(const Settings& settings, const sipcore::IpAddress& ip) {
  return std::any_of(settings.listens.begin(), settings.listens.end(),
                     [&](const ListenSettings& listen) {
                       return !ip.none() && link::Networks(listen.balancers, {}).contains(ip);
                     });
}

std::string misfit(const DestinationSettings& destination, const GroupSettings& group,
                   const Settings& settings) {
  if (is_own(settings, destination.endpoint)) {
    return fmt::format("{} is a [[listen]] address of Tandem itself", destination.uri);
  }
  if (is_balancer(settings, destination.endpoint.ip)) {
    return fmt::format(
        "{} is in proxy_protocol_from of a [[listen]]: what it answers has no PROXY "
        "header",
        destination.uri);
  }
  for (const DestinationSettings& other : group.destinations) {
    bool same = other.endpoint == destination.endpoint && other.name == destination.name;
    if (other.listen == destination.listen && (same || other.uri == destination.uri)) {
      return fmt::format("{} is in this group twice", destination.uri);
    }
  }
  return {};
}

std::string wrong_listen(const DestinationSettings& destination, const Settings& settings) {
  if (destination.listen.ip.none()) return {};
  if (listen_index(settings, destination.listen) == link::kAnyListen) {
    return fmt::format("listen \"{}\" is the address of no [[listen]]",
                       sipcore::to_string(destination.listen));
  }
  bool fits = !destination.name.host.empty() ||
              destination.listen.ip.family == destination.endpoint.ip.family;
  return fits ? "" : "listen is of another address family than uri";
}

}  // namespace control::config
