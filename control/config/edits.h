// What was changed of the groups at run time. It is laid over the configuration file at each start
// and reload, and lies in the state directory as JSON:
//
//   {"destinations": [{"group": G, "uri": U, "removed": true},
//                     {"group": G, "uri": U, "weight": 1, ...}],     added, or other than in the
//                     file
//    "admin": [{"group": G, "uri": U, "state": "disabled"}]}         what the operator said of one
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "control/config/settings.h"

namespace control::config {

class Edits {
 public:
  using Name = std::pair<std::string, std::string>;  // group, URI

  // nullopt: it is removed.
  void set(const Name& name, std::optional<DestinationSettings> destination) {
    if (!destination) admin_.erase(name);
    destinations_[name] = std::move(destination);
  }
  bool has(const Name& name) const { return destinations_.contains(name); }
  void set_admin(const Name& name, link::Admin admin) { admin_[name] = admin; }
  void forget_admin(const Name& name) { admin_.erase(name); }
  const std::map<Name, link::Admin>& admin() const { return admin_; }

  // The file's settings with the edits; those of groups that are not there wait for them. One that
  // does not fit the file is left out: the file counts, and `misfits` says which and why.
  Settings over(const Settings& file, std::vector<std::string>& misfits) const;

  std::string text() const;
  // A sentence where it is not what text() writes.
  static std::variant<Edits, std::string> parse(const std::string& text);

 private:
  using Destinations = std::map<Name, std::optional<DestinationSettings>>;
  using Entry = Destinations::value_type;

  Destinations destinations_;
  std::map<Name, link::Admin> admin_;
};

std::string_view word(link::Admin admin);

}  // namespace control::config
