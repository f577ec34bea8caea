// The configuration that runs: the file, the edits laid over it, and the snapshot that was
// published of both. Every change is checked whole, written down, and published, or nothing of it
// happens. Control thread only.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "control/config/edits.h"
#include "control/config/rule_sets.h"
#include "control/config/running.h"
#include "control/link/exchange.h"

namespace control::config {

class Live {
 public:
  // `path`: of the configuration file, from which `file` was read.
  Live(std::string path, Settings file, link::Exchange& exchange);

  // Called after each publication.
  std::function<void()> on_publish;
  // Set before start(): what names stand for.
  Members members = [](const resolve::HostName&) -> const std::vector<resolve::Member>& {
    static const std::vector<resolve::Member> kNone;
    return kNone;
  };

  // All return a sentence, or several; empty: done.
  std::string start(const link::Keys& keys);
  std::vector<std::string> reload();
  // After a name has come to stand for something else.
  std::string refresh() { return publish(file_, edits_); }
  std::vector<resolve::HostName> names() const;
  // An entry as it shall be from now on; nullopt: is removed.
  std::string set(const Edits::Name& name, std::optional<DestinationSettings> destination);
  // From now on the file alone counts, for these entries, or for one address of a host name.
  std::string discard_edits(const std::set<Edits::Name>& names);
  // All destinations of these names, and all that they will come to stand for.
  std::string set_admin(const std::set<Edits::Name>& names, link::Admin admin);

  const std::string& path() const { return path_; }
  const Settings& settings() const { return settings_; }
  const Edits& edits() const { return edits_; }
  const RuleSets& rule_sets() const { return rule_sets_; }
  // The entry that a name belongs to; nullptr: there is none.
  const DestinationSettings* find(const Edits::Name& name) const;

 private:
  std::string publish(const Settings& file, const Edits& edits);
  std::string apply(const Edits& next, const Edits::Name* changed = nullptr);
  Edits still_said(const Settings& wanted) const;
  bool forget_gone(Edits& edits, const Settings& file) const;
  std::string new_misfit(const Edits& next, const Edits::Name* changed) const;
  std::string save(const Edits& edits) const;
  std::string edits_path() const { return file_.state + "/edits.json"; }

  std::string path_;
  Settings file_;
  Settings settings_;  // with the edits
  Edits edits_;
  Slots slots_;
  RuleSets rule_sets_;  // one reader is control
  link::Exchange& exchange_;
  link::Keys keys_;
};

}  // namespace control::config
