// What was changed of the groups at run time. It is laid over the configuration file at each start
// and reload, and lies in the state directory as JSON:
//
//   {"destinations": [{"group": G, "uri": U, "what": "removed"},
//                     {"group": G, "uri": U, "what": "added", "weight": 1, ...}],  or "changed"
//    "admin": [{"group": G, "uri": U, "state": "disabled"}]}   what the operator said of one
//
// "listen": A is there where the file, or what was added, has it; "address": A where the operator
// spoke of one address of a host name alone.
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
  using Name = link::DestinationName;

  // What became of an entry: one of the file that is changed or removed, or one more.
  enum class What : uint8_t { kAdded, kChanged, kRemoved };
  struct Edit {
    What what = What::kAdded;
    DestinationSettings destination;  // but where it is removed
  };
  using Destinations = std::map<Name, Edit>;

  void set(const Name& entry, Edit edit) {
    if (edit.what == What::kRemoved) forget_admin(entry);
    destinations_[entry] = std::move(edit);
  }
  // As if nothing had ever been said of it: an entry, or one address of it.
  void forget(const Name& name) {
    destinations_.erase(name);
    forget_admin(name);
  }
  // What was said of those that are neither in the file any more nor added; who they were.
  std::vector<Name> forget_gone(const Settings& file);
  bool has(const Name& entry) const { return destinations_.contains(entry); }
  const Destinations& destinations() const { return destinations_; }
  void set_admin(const Name& name, link::Admin admin) { admin_[name] = admin; }
  // And of its addresses.
  void forget_admin(const Name& name) {
    std::erase_if(
        admin_, [&](const auto& said) { return said.first == name || said.first.entry() == name; });
  }
  // What was said last: of an address alone, else of its entry.
  std::optional<link::Admin> said_of(const Name& name) const {
    for (const Name& one : {name, name.entry()}) {
      if (auto at = admin_.find(one); at != admin_.end()) return at->second;
    }
    return std::nullopt;
  }
  const std::map<Name, link::Admin>& admin() const { return admin_; }

  struct Misfit {
    Name name;
    std::string why;
  };
  // The file's settings with the edits; those of groups that are not there wait for them, and are
  // misfits meanwhile. One that does not fit the file is left out: the file counts.
  Settings over(const Settings& file, std::vector<Misfit>& misfits) const;

  std::string text() const;
  // A sentence where it is not what text() writes.
  static std::variant<Edits, std::string> parse(const std::string& text);

 private:
  Destinations destinations_;
  std::map<Name, link::Admin> admin_;
};

std::string_view word(link::Admin admin);
std::string_view word(Edits::What what);

}  // namespace control::config
