#include "control/manage/tables.h"

#include <fmt/format.h>

namespace control::manage {
namespace {

std::string destination_table(const Json& result) {
  std::string out =
      fmt::format("{:<16}{:<14}{:<32}{:>7}{:>7}{:>10}{:>10}{:>9}\n", "GROUP", "ALGORITHM",
                  "DESTINATION", "STATE", "WEIGHT", "CALLS", "ANSWERED", "FAILED");
  for (const Json& record : result["RECORDS"]) {
    const Json& set = record["SET"];
    for (const Json& target : set["TARGETS"]) {
      const Json& one = target["DEST"];
      out += fmt::format("{:<16}{:<14}{:<32}{:>7}{:>7}{:>10}{:>10}{:>9}\n",
                         set["NAME"].get<std::string>(), set["ALGORITHM"].get<std::string>(),
                         one["URI"].get<std::string>(), one["FLAGS"].get<std::string>(),
                         one["ATTRS"]["WEIGHT"].get<uint64_t>(), one["CALLS"].get<uint64_t>(),
                         one["ANSWERED"].get<uint64_t>(), one["FAILED"].get<uint64_t>());
    }
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

}  // namespace

std::string table_of(std::string_view method, const Json& result) {
  if (method == "dispatcher.list") return destination_table(result);
  if (method == "stats.get_statistics") return statistics_table(result);
  if (result.is_string()) return result.get<std::string>() + "\n";
  return result.dump(2) + "\n";
}

}  // namespace control::manage
