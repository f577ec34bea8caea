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
  // Group and URI; what the operator says of one address of a name alone has that behind the URI,
  // as link::Destination::identity has it.
  using Name = std::pair<std::string, std::string>;

  // nullopt: it is removed.
  void set(const Name& name, std::optional<DestinationSettings> destination) {
    if (!destination) forget_admin(name);
    destinations_[name] = std::move(destination);
  }
  bool has(const Name& name) const { return destinations_.contains(name); }
  void set_admin(const Name& name, link::Admin admin) { admin_[name] = admin; }
  // And of its addresses.
  void forget_admin(const Name& name) {
    std::erase_if(admin_, [&](const auto& said) {
      const auto& [group, uri] = said.first;
      return group == name.first && (uri == name.second || uri.starts_with(name.second + " "));
    });
  }
  // What was said last of one with this URI and identity.
  std::optional<link::Admin> said_of(const std::string& group, const std::string& uri,
                                     const std::string& identity) const {
    for (const std::string& name : {identity, uri}) {
      if (auto at = admin_.find({group, name}); at != admin_.end()) return at->second;
    }
    return std::nullopt;
  }
  const std::map<Name, link::Admin>& admin() const { return admin_; }

  // The file's settings with the edits; those of groups that are not there wait for them, and are
  // misfits meanwhile. One that
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
