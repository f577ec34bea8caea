// Kamailio's list of destinations (its module dispatcher, parameter list_file) as groups of our
// configuration. Each line: SET URI [FLAGS [PRIORITY [ATTRIBUTES]]].
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace control::config {

struct Imported {
  std::string toml;                  // [[group]] tables, to be put into a configuration file
  std::vector<std::string> faults;   // "file:line: what is wrong", not imported
  std::vector<std::string> remarks;  // "file:line: what is otherwise here"
};

// `algorithm`: the number that the script gives to ds_select_dst().
Imported import_dispatcher_list(std::string_view text, std::string_view file, uint32_t algorithm);

}  // namespace control::config
