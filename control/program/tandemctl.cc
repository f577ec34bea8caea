// tandemctl: asks a running node over its management socket, and shows what the parser makes of a
// message without one.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "control/config/dispatcher_list.h"
#include "control/manage/client.h"
#include "control/manage/parse_report.h"
#include "control/manage/tables.h"
#include "control/program/trace.h"

namespace {

using control::manage::ask;
using control::manage::Json;

constexpr int kFailed = 1;
constexpr int kUnreachable = 3;
constexpr int kTimeout = 4;
constexpr auto kBetweenLooks = std::chrono::milliseconds(200);

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
  std::string method, file = "-", group, destination, attributes;
  std::vector<std::string> params;
  std::string source = "192.0.2.1:5060", listen;
  int failed_with = 0;
  uint32_t algorithm = 4;
  std::string call_id, user;
  control::program::TraceOptions trace;
  uint32_t timeout_s = 0;
  bool json = false, wait = false, follow = false, everybody = false;
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

int fail(const Json& reply) {
  std::fprintf(stderr, "tandemctl: %s\n", reply["error"].value("message", "failed").c_str());
  return kFailed;
}

int show(const Options& options, const std::string& method, const Json& params) {
  Json reply = ask(options.socket, method, params);
  if (reply.contains("error")) return fail(reply);
  std::string text = options.json ? reply["result"].dump(2) + "\n"
                                  : control::manage::table_of(method, reply["result"]);
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
  return 0;
}

Json destination_params(const Options& options) {
  if (options.group.empty()) return {options.destination};
  return {options.group, options.destination};
}

// Calls of the destinations that a reply to drain names.
uint64_t calls_left(const Options& options, const Json& drained) {
  uint64_t calls = 0;
  Json list = ask(options.socket, "dispatcher.list", Json::array())["result"];
  for (const Json& record : list["RECORDS"]) {
    bool meant = options.group.empty() || record["SET"]["NAME"] == options.group;
    for (const Json& target : record["SET"]["TARGETS"]) {
      const Json& one = target["DEST"];
      bool his = false;
      for (const Json& name : drained["NAMES"]) his |= name == one["NAME"];
      if (meant && his) calls += one["ACTIVE"].get<uint64_t>();
    }
  }
  return calls;
}

int drain(const Options& options) {
  Json reply = ask(options.socket, "dispatcher.drain", destination_params(options));
  if (reply.contains("error")) return fail(reply);
  const Json& result = reply["result"];
  uint64_t left = result["ACTIVE"], shown = left;
  std::printf("draining: %lu calls left\n", left);
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.timeout_s);
  while (options.wait && left > 0) {
    std::this_thread::sleep_for(kBetweenLooks);
    left = calls_left(options, result);
    if (left != shown) std::printf("%lu calls left\n", left);
    std::fflush(stdout);
    shown = left;
    if (options.timeout_s > 0 && left > 0 && std::chrono::steady_clock::now() > end) {
      std::fprintf(stderr, "tandemctl: %lu calls are still up after %u s\n", left,
                   options.timeout_s);
      return kTimeout;
    }
  }
  return 0;
}

// Those that were, then each as it comes.
int events(const Options& options) {
  int code = 0;
  const char* method = options.follow ? "dispatcher.follow" : "dispatcher.events";
  ask(options.socket, method, Json::array({0}), [&](const Json& line) {
    if (line.contains("error")) code = fail(line);
    Json events = line.contains("params") ? Json::array({line["params"]})
                                          : line.value("result", Json())["events"];
    std::string text = options.json
                           ? events.dump(2) + "\n"
                           : control::manage::table_of("dispatcher.events", {{"events", events}});
    if (code == 0) std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
    return options.follow && code == 0;
  });
  return code;
}

int trace(const Options& options) {
  control::program::TraceOptions wanted = options.trace;
  wanted.socket = options.socket;
  wanted.what = !options.call_id.empty() ? "call_id" : !options.user.empty() ? "user" : "all";
  wanted.text = control::manage::visible(options.call_id + options.user);
  return control::program::show_trace(wanted);
}

// Needs no running node. What is wrong, and what is otherwise here, goes to standard error.
int import_list(const Options& options) {
  auto imported = control::config::import_dispatcher_list(read_all(options.file), options.file,
                                                          options.algorithm);
  for (const auto* lines : {&imported.faults, &imported.remarks}) {
    for (const std::string& line : *lines) std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fputs(imported.toml.c_str(), stdout);
  return imported.faults.empty() ? 0 : kFailed;
}

struct Commands {
  CLI::App *rpc, *list, *stats, *uptime, *reload, *parse, *drain, *enable, *disable, *add, *change,
      *remove, *edits, *discard, *ping, *events, *bans, *ban, *unban, *rules, *explain, *trace,
      *log, *import_list;
};

void add_destination_options(CLI::App* command, Options& options) {
  command->add_option("destination", options.destination, "URI, name as listed, or ADDRESS:PORT")
      ->required();
  command->add_option("-g,--group", options.group, "only in this group; default: in all");
}

void add_change_options(CLI::App* command, Options& options) {
  command->add_option("group", options.group)->required();
  command->add_option("destination", options.destination, "its URI")->required();
}

void define_edits(CLI::App& app, Options& options, Commands& all) {
  all.add = app.add_subcommand("add", "a destination more, kept over reload and restart");
  add_change_options(all.add, options);
  all.add->add_option("attributes", options.attributes, "\"weight=2;priority=1;capacity=100\"");
  all.change = app.add_subcommand("change", "another weight, priority or capacity");
  add_change_options(all.change, options);
  all.change->add_option("attributes", options.attributes, "\"weight=2;priority=1;capacity=100\"")
      ->required();
  all.remove = app.add_subcommand("remove", "a destination less; its calls go on");
  add_change_options(all.remove, options);
  all.edits = app.add_subcommand("edits", "what is other than in the configuration file");
  all.discard = app.add_subcommand("discard", "let the file alone count again");
  all.discard->add_option("group", options.group, "of one destination; default: of all");
  all.discard->add_option("destination", options.destination, "its URI or name");
}

Commands define(CLI::App& app, Options& options) {
  Commands all{};
  all.list = app.add_subcommand("list", "groups and destinations");
  all.stats = app.add_subcommand("stats", "counters that are not zero");
  all.events = app.add_subcommand("events", "changes of destinations");
  all.events->add_flag("-f,--follow", options.follow, "go on with those that come");
  all.drain = app.add_subcommand("drain", "no new calls to a destination; those it has go on");
  add_destination_options(all.drain, options);
  all.drain->add_flag("--wait", options.wait, "until no call is left");
  all.drain->add_option("--timeout", options.timeout_s,
                        "seconds to wait at most; then exit code 4");
  all.disable = app.add_subcommand("disable", "the same, without waiting for its calls");
  add_destination_options(all.disable, options);
  all.enable = app.add_subcommand("enable", "new calls to a destination again");
  add_destination_options(all.enable, options);
  define_edits(app, options, all);
  all.ping = app.add_subcommand("ping", "probe all destinations that are probed, now");
  all.bans = app.add_subcommand("bans", "who is kept out");
  all.ban = app.add_subcommand("ban", "keep an address or network out");
  all.ban->add_option("network", options.destination)->required();
  all.ban->add_option("seconds", options.timeout_s, "for so long; default: for good");
  all.unban = app.add_subcommand("unban", "let it in again");
  all.unban->add_option("network", options.destination)->required();
  all.rules = app.add_subcommand("rules", "rules, and how often they matched");
  all.explain = app.add_subcommand("explain", "what becomes of a message, and which rules say so");
  all.explain->add_option("file", options.file,
                          "file with the bytes of one datagram, - for standard input");
  all.explain->add_option("--source", options.source, "ADDRESS[:PORT] it comes from")
      ->capture_default_str();
  all.explain->add_option("--listen", options.listen, "address of ours it comes to");
  all.explain
      ->add_option("--failed-with", options.failed_with,
                   "and what follows when all have failed with this status")
      ->check(CLI::Range(300, 699));
  all.trace = app.add_subcommand("trace", "messages of a call while they pass, as a ladder");
  auto* call_id = all.trace->add_option("-c,--call-id", options.call_id, "of this call");
  auto* user = all.trace->add_option("-u,--user", options.user, "with this user in a URI");
  auto* every =
      all.trace->add_flag("--all", options.everybody, "of everybody, as far as there is room");
  call_id->excludes(user)->excludes(every);
  user->excludes(every);
  all.trace->add_option("--seconds", options.trace.seconds, "so long")->capture_default_str();
  all.trace->add_flag("--text", options.trace.whole, "whole messages instead");
  all.trace->add_option("--pcap", options.trace.pcap, "write them to this file as well");
  all.log = app.add_subcommand("log", "what the log says: debug, info, warning or error");
  all.log->add_option("level", options.method, "from now on, until a reload");
  all.import_list =
      app.add_subcommand("import", "Kamailio's dispatcher.list as groups for the file");
  all.import_list->add_option("file", options.file, "the list")->required();
  all.import_list
      ->add_option("--algorithm", options.algorithm,
                   "number that the script gives to ds_select_dst()")
      ->capture_default_str();
  all.reload = app.add_subcommand("reload", "read the configuration file again");
  all.uptime = app.add_subcommand("uptime", "time since the start");
  all.rpc = app.add_subcommand("rpc", "call a method: rpc METHOD [PARAM ...]");
  all.rpc->add_option("method", options.method)->required();
  all.rpc->add_option("params", options.params);
  all.parse = app.add_subcommand("parse", "what the proxy makes of a message, without a node");
  all.parse->add_option("file", options.file,
                        "file with the bytes of one datagram, - for standard input");
  return all;
}

int run(const Commands& on, const Options& options) {
  if (*on.parse) {
    std::puts(control::manage::parse_report(read_all(options.file)).c_str());
    return 0;
  }
  if (*on.import_list) return import_list(options);
  const Json none = Json::array();
  if (*on.list) return show(options, "dispatcher.list", none);
  if (*on.stats) return show(options, "stats.get_statistics", {"all"});
  if (*on.uptime) return show(options, "core.uptime", none);
  if (*on.reload) return show(options, "config.reload", none);
  if (*on.ping) return show(options, "dispatcher.probe", none);
  if (*on.edits) return show(options, "dispatcher.edits", none);
  if (*on.events) return events(options);
  if (*on.drain) return drain(options);
  if (*on.disable) return show(options, "dispatcher.disable", destination_params(options));
  if (*on.enable) return show(options, "dispatcher.enable", destination_params(options));
  if (*on.bans) return show(options, "bans.list", none);
  if (*on.ban) return show(options, "bans.add", {options.destination, options.timeout_s});
  if (*on.unban) return show(options, "bans.remove", Json::array({options.destination}));
  if (*on.trace) return trace(options);
  if (*on.log) {
    return show(options, "log.level",
                options.method.empty() ? none : Json::array({options.method}));
  }
  if (*on.rules) return show(options, "rules.list", none);
  if (*on.explain) {
    std::string message = control::manage::visible(read_all(options.file));
    Json question = {message, options.source, options.listen};
    if (options.failed_with != 0) question.push_back(options.failed_with);
    return show(options, "rules.explain", question);
  }
  Json named = {options.group, options.destination};
  if (*on.remove) return show(options, "dispatcher.remove", named);
  if (*on.discard) {
    return show(options, "dispatcher.discard_edits", options.group.empty() ? none : named);
  }
  if (*on.change) named.push_back(options.attributes);
  if (*on.change) return show(options, "dispatcher.change", named);
  if (*on.add)
    return show(options, "dispatcher.add", {named[0], named[1], 0, 0, options.attributes});
  return show(options, options.method, params_of(options.params));
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app("Asks a running Tandem, or its parser");
  app.add_option("-s,--socket", options.socket, "management socket")->capture_default_str();
  app.add_flag("--json", options.json, "print the reply as JSON");
  app.require_subcommand(1);
  Commands commands = define(app, options);
  CLI11_PARSE(app, argc, argv);
  return run(commands, options);
} catch (const std::exception& fault) {
  std::fprintf(stderr, "tandemctl: %s\n", fault.what());
  return kUnreachable;
}
