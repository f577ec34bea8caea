#include "control/config/protect.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace control::config {
namespace {

constexpr size_t kMostNetworks = 1000000;
constexpr size_t kMostScanners = 64;
constexpr std::string_view kDeniedFile = "denied_file";

// One network in a line; empty lines and what follows # mean nothing.
void read_denied_file(Reader& reader, const toml::table& table, Settings& out) {
  std::string path;
  reader.text(table, kDeniedFile, path);
  if (path.empty()) return;
  auto text = reader.file(table, kDeniedFile, path);
  if (!text) return;
  std::istringstream file(*text);
  std::string line;
  for (size_t number = 1; std::getline(file, line); ++number) {
    line.resize(std::min(line.find('#'), line.size()));
    size_t begin = line.find_first_not_of(" \t\r");
    if (begin == line.npos) continue;
    std::string word = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
    auto network = link::parse_network(word);
    if (!network) {
      return reader.error(
          table, kDeniedFile,
          fmt::format("{}:{}: \"{}\" is no address or network", path, number, word.substr(0, 100)));
    }
    out.denied.push_back(*network);
    if (out.denied.size() > kMostNetworks) {
      return reader.error(table, kDeniedFile,
                          fmt::format("{}: more than {} networks", path, kMostNetworks));
    }
  }
}

// Of a destination that is denied no answer would be heard.
void check_denied(Reader& reader, const toml::table& table, const Settings& out) {
  link::Networks denied(out.denied, {});
  std::string_view key = table.contains(kDeniedFile) ? kDeniedFile : "denied";
  for (const GroupSettings& group : out.groups) {
    for (const DestinationSettings& one : group.destinations) {
      if (!one.name.host.empty() || !denied.contains(one.endpoint.ip)) continue;
      return reader.error(
          table, key,
          fmt::format("{} is denied and a destination of [[group]] \"{}\"", one.uri, group.name));
    }
  }
}

}  // namespace

void read_networks(Reader& reader, const toml::table& table, std::string_view key,
                   std::vector<link::Network>& out) {
  size_t item = 0;
  for (const std::string& text : reader.texts(table, key)) {
    auto network = link::parse_network(text);
    if (network) {
      out.push_back(*network);
    } else {
      reader.error(
          table, key,
          fmt::format("{}: \"{}\" is no address or network, like \"192.0.2.0/24\"", key, text),
          item);
    }
    ++item;
  }
}

void read_protect(Reader& reader, const toml::table& root, Settings& out) {
  const toml::table& table = *reader.section(root, "protect");
  reader.rate(table, "requests", out.source_limits.requests);
  reader.rate(table, "invites", out.source_limits.invites);
  reader.number(table, "ban_after", 0, 1000000000, out.source_limits.ban_after);
  reader.number(table, "ban_s", 1, 31536000, out.ban_s);
  reader.number(table, "sources", 64, 1U << 24, out.sources);
  read_networks(reader, table, "trusted", out.trusted);
  read_networks(reader, table, "denied", out.denied);
  read_denied_file(reader, table, out);
  check_denied(reader, table, out);
  if (reader.raw(table, "scanners") != nullptr) out.scanners = reader.texts(table, "scanners");
  for (size_t i = 0; i < out.scanners.size(); ++i) {
    if (out.scanners[i].size() >= 3 && i != kMostScanners) continue;
    reader.error(table, "scanners",
                 fmt::format("scanners are at most {} beginnings of User-Agent, of three "
                             "letters or more",
                             kMostScanners),
                 i);
  }
  reader.flag(table, "ban_scanners", out.ban_scanners);
  reader.finish(table, "[protect]");
}

}  // namespace control::config
