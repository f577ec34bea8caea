#include "control/config/management.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace control::config {
namespace {

constexpr size_t kLeastToken = 16, kMostToken = 512;

// What stands in the file, without white space around it.
void read_token(Reader& reader, const toml::table& table, std::string& token) {
  std::string path;
  reader.text(table, "token_file", path);
  if (path.empty()) return;
  auto text = reader.file(table, "token_file", path);
  if (!text) return;
  std::istringstream file(*text);
  std::string rest;
  if (!(file >> token) || (file >> rest)) {
    return reader.error(table, "token_file",
                        fmt::format("token_file: {} holds no token, one word", path));
  }
  bool plain = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (token.size() < kLeastToken || token.size() > kMostToken || !plain) {
    reader.error(table, "token_file",
                 fmt::format("token_file: the token in {} has from {} to {} characters", path,
                             kLeastToken, kMostToken));
  }
}

}  // namespace

void read_management(Reader& reader, const toml::table& root, ManagementSettings& out) {
  const toml::table& table = *reader.section(root, "management");
  reader.text(table, "socket", out.socket);
  if (out.socket.empty() || out.socket.size() > 100 || out.socket.front() != '/') {
    reader.error(table, "socket", "socket is an absolute path of at most 100 bytes");
  }
  std::string http;
  reader.text(table, "http", http);
  auto endpoint = sipcore::parse_endpoint(http, 0);
  if (!http.empty() && (!endpoint || endpoint->port == 0)) {
    reader.error(table, "http", "http is an address with a port, like \"127.0.0.1:8060\"");
  } else if (endpoint) {
    out.http = *endpoint;
  }
  out.open_reading = out.http.ip.loopback();
  reader.flag(table, "open_reading", out.open_reading);
  read_token(reader, table, out.token);
  if (out.http.port != 0 && !out.open_reading && out.token.empty()) {
    reader.error(table, "http",
                 "http needs a token_file here, or nobody could read it: open_reading is false, "
                 "which it also is by default on an address that is not a loopback one");
  }
  reader.text(table, "tls_certificate", out.tls_certificate);
  reader.text(table, "tls_key", out.tls_key);
  if (out.tls_certificate.empty() != out.tls_key.empty()) {
    reader.error(table, out.tls_key.empty() ? "tls_certificate" : "tls_key",
                 "tls_certificate and tls_key come together");
  }
  for (auto [key, path] :
       {std::pair("tls_certificate", &out.tls_certificate), std::pair("tls_key", &out.tls_key)}) {
    if (!path->empty() && !std::ifstream(*path)) {
      reader.error(table, key, fmt::format("{} cannot be read", *path));
    }
  }
  reader.finish(table, "[management]");
}

}  // namespace control::config
