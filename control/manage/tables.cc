#include "control/manage/tables.h"

#include <fmt/format.h>

#include <ctime>

namespace control::manage {
namespace {

std::string destination_table(const Json& result) {
  constexpr auto kLine = "{:<13} {:<29} {:<10}{:>5}{:>8}{:>8}{:>8}{:>10}{:>10}{:>8}{:>11}\n";
  std::string out = fmt::format(kLine, "GROUP", "DESTINATION", "STATE", "PRIO", "WEIGHT", "ACTIVE",
                                "LIMIT", "CALLS", "ANSWERED", "FAILED", "LATENCY");
  bool any_edited = false;
  for (const Json& record : result["RECORDS"]) {
    const Json& set = record["SET"];
    for (const Json& target : set["TARGETS"]) {
      const Json& one = target["DEST"];
      const Json& attributes = one["ATTRS"];
      uint64_t limit = attributes["MAXLOAD"];
      bool edited = one["EDITED"];
      any_edited |= edited;
      out += fmt::format(kLine, set["NAME"].get<std::string>(),
                         one["NAME"].get<std::string>() + (edited ? " *" : ""),
                         one["STATE"].get<std::string>(), one["PRIORITY"].get<uint64_t>(),
                         attributes["WEIGHT"].get<uint64_t>(), one["ACTIVE"].get<uint64_t>(),
                         limit == 0 ? "-" : std::to_string(limit), one["CALLS"].get<uint64_t>(),
                         one["ANSWERED"].get<uint64_t>(), one["FAILED"].get<uint64_t>(),
                         fmt::format("{:.1f} ms", one["LATENCY"]["EST"].get<double>()));
    }
  }
  return any_edited ? out + "* other than in the configuration file\n" : out;
}

std::string ban_table(const Json& result) {
  std::string out = fmt::format("{:<42}{:>12}  {}\n", "NETWORK", "SECONDS", "REASON");
  for (const Json& one : result["bans"]) {
    std::string left = one["seconds"].is_null() ? "-" : one["seconds"].dump();
    out += fmt::format("{:<42}{:>12}  {}\n", one["network"].get<std::string>(), left,
                       one["reason"].get<std::string>());
  }
  size_t listed = result["bans"].size(), all = result["count"];
  return all == listed ? out : out + fmt::format("... {} in all\n", all);
}

std::string edit_table(const Json& result) {
  std::string out = fmt::format("{:<13} {:<45} {}\n", "GROUP", "DESTINATION", "BY HAND");
  for (const Json& one : result["edits"]) {
    out += fmt::format("{:<13} {:<45} {}\n", one["group"].get<std::string>(),
                       one["name"].get<std::string>(), one["what"].get<std::string>());
  }
  return out;
}

std::string event_table(const Json& result) {
  std::string out;
  for (const Json& one : result["events"]) {
    std::time_t at = one["at"];
    std::tm parts{};
    gmtime_r(&at, &parts);
    char when[32];
    std::strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &parts);
    out +=
        fmt::format("{}  {:<13} {:<29} {} -> {}, {} calls\n", when, one["group"].get<std::string>(),
                    one["uri"].get<std::string>(), one["from"].get<std::string>(),
                    one["to"].get<std::string>(), one["calls"].get<uint64_t>());
  }
  return out;
}

std::string statistics_table(const Json& result) {
  std::string out;
  for (const Json& line : result) {
    std::string text = line;
    size_t equal = text.find(" = ");
    if (equal == std::string::npos || text.substr(equal) == " = 0") continue;
    out += fmt::format("{:<36}{:>12}\n", text.substr(0, equal), text.substr(equal + 3));
  }
  return out;
}

std::string joined(const Json& texts) {
  std::string out;
  for (const Json& one : texts) out += (out.empty() ? "" : ", ") + one.get<std::string>();
  return out.empty() ? "-" : out;
}

std::string rule_table(const Json& result) {
  std::string out = fmt::format("{:<24}{:<10}{:>12}  {}\n", "RULE", "ON", "HITS", "WHEN -> DOES");
  for (const Json& one : result["rules"]) {
    out += fmt::format("{:<24}{:<10}{:>12}  {} -> {}\n", one["name"].get<std::string>(),
                       one["on"].get<std::string>(), one["hits"].get<uint64_t>(),
                       joined(one["when"]), joined(one["does"]));
  }
  return out;
}

std::string prospect(const Json& one) {
  if (one.contains("not_asked")) return "not asked: " + one["not_asked"].get<std::string>();
  double chance = one["chance"].get<double>();
  std::string note = one.contains("note") ? ", " + one["note"].get<std::string>() : "";
  return (chance == 100.0 ? "chosen" : fmt::format("{:.1f} %", chance)) + note;
}

std::string explanation(const Json& result) {
  std::string out;
  for (const Json& rule : result.value("rules", Json::array())) {
    out += fmt::format("{}: {}\n", rule["name"].get<std::string>(), joined(rule["does"]));
    for (const Json& why : rule["because"]) {
      out += fmt::format("    because {}\n", why.get<std::string>());
    }
  }
  out += result["verdict"].get<std::string>() + "\n";
  std::string group = result.value("group", "");
  for (const Json& one : result.value("destinations", Json::array())) {
    if (one["group"] != group) {
      group = one["group"].get<std::string>();
      out += fmt::format("  group {}\n", group);
    }
    out += fmt::format("    {:<30}{:<10}{}\n", one["uri"].get<std::string>(),
                       one["state"].get<std::string>(), prospect(one));
  }
  if (result.contains("as")) out += "as\n" + result["as"].get<std::string>() + "\n";
  if (result.contains("failed")) out += "when they have failed\n" + explanation(result["failed"]);
  return out;
}

}  // namespace

std::string table_of(std::string_view method, const Json& result) {
  if (method == "dispatcher.list") return destination_table(result);
  if (method == "bans.list") return ban_table(result);
  if (method == "dispatcher.events") return event_table(result);
  if (method == "dispatcher.edits") return edit_table(result);
  if (method == "rules.list") return rule_table(result);
  if (method == "rules.explain") return explanation(result);
  if (result.is_object() && result.contains("NAMES")) {
    return fmt::format("{} destinations, {} calls\n", result["NAMES"].size(),
                       result["ACTIVE"].get<uint64_t>());
  }
  if (method == "stats.get_statistics") return statistics_table(result);
  if (result.is_string()) return result.get<std::string>() + "\n";
  return result.dump(2) + "\n";
}

}  // namespace control::manage
