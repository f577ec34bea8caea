// tandemctl: asks a running node over its management socket, and shows what the parser makes of a
// message without one.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "control/manage/parse_report.h"
#include "control/manage/tables.h"

namespace {

using control::manage::Json;

constexpr int kFailed = 1;
constexpr int kUnreachable = 3;

// One request, one reply. Throws a sentence.
Json ask(const std::string& path, const std::string& method, const Json& params) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (fd >= 0) close(fd);
    throw std::runtime_error("no Tandem answers on " + path +
                             ": is it running, and may you use "
                             "its socket?");
  }
  Json request = {{"jsonrpc", "2.0"}, {"method", method}, {"params", params}, {"id", 1}};
  std::string text = request.dump() + "\n";
  bool sent = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  std::string reply;
  char part[65536];
  for (ssize_t size; sent && (size = read(fd, part, sizeof part)) > 0;) {
    reply.append(part, static_cast<size_t>(size));
    if (reply.back() == '\n') break;
  }
  close(fd);
  return Json::parse(reply);
}

std::string read_all(const std::string& file) {
  std::ostringstream text;
  if (file == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream input(file, std::ios::binary);
  if (!input) throw std::runtime_error(file + " cannot be read");
  text << input.rdbuf();
  return text.str();
}

struct Options {
  std::string socket = "/run/tandem/tandem.sock";
  std::string method, file = "-";
  std::vector<std::string> params;
  bool json = false;
};

// Words that are JSON are taken as JSON, all others as text.
Json params_of(const std::vector<std::string>& words) {
  Json out = Json::array();
  for (const std::string& one : words) {
    Json value = Json::parse(one, nullptr, false);
    out.push_back(value.is_discarded() ? Json(one) : value);
  }
  return out;
}

int show(const Options& options, const std::string& method, const Json& params) {
  Json reply = ask(options.socket, method, params);
  if (reply.contains("error")) {
    std::fprintf(stderr, "tandemctl: %s\n", reply["error"].value("message", "failed").c_str());
    return kFailed;
  }
  std::string text = options.json ? reply["result"].dump(2) + "\n"
                                  : control::manage::table_of(method, reply["result"]);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app("Asks a running Tandem, or its parser");
  app.add_option("-s,--socket", options.socket, "management socket")->capture_default_str();
  app.add_flag("--json", options.json, "print the reply as JSON");
  app.require_subcommand(1);
  auto* rpc = app.add_subcommand("rpc", "call a method: rpc METHOD [PARAM ...]");
  rpc->add_option("method", options.method)->required();
  rpc->add_option("params", options.params);
  auto* list = app.add_subcommand("list", "groups and destinations");
  auto* stats = app.add_subcommand("stats", "counters that are not zero");
  auto* uptime = app.add_subcommand("uptime", "time since the start");
  auto* reload = app.add_subcommand("reload", "read the configuration file again");
  auto* parse = app.add_subcommand("parse", "what the proxy makes of a message, without a node");
  parse->add_option("file", options.file,
                    "file with the bytes of one datagram, - for standard input");
  CLI11_PARSE(app, argc, argv);
  if (*parse) {
    std::puts(control::manage::parse_report(read_all(options.file)).c_str());
    return 0;
  }
  if (*list) return show(options, "dispatcher.list", Json::array());
  if (*stats) return show(options, "stats.get_statistics", {"all"});
  if (*uptime) return show(options, "core.uptime", Json::array());
  if (*reload) return show(options, "config.reload", Json::array());
  return show(options, options.method, params_of(options.params));
} catch (const std::exception& fault) {
  std::fprintf(stderr, "tandemctl: %s\n", fault.what());
  return kUnreachable;
}
