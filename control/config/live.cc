#include "control/config/live.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/config/destination.h"
#include "control/config/restart.h"
#include "control/link/named.h"
#include "control/store/file.h"

namespace control::config {

namespace {

const DestinationSettings* find_in(const Settings& settings, const Edits::Name& name) {
  const GroupSettings* group = link::find_named(settings.groups, name.group);
  if (group == nullptr) return nullptr;
  auto at = find_entry(group->destinations, name);
  return at == group->destinations.end() ? nullptr : &*at;
}

}  // namespace

Live::Live(std::string path, Settings file, link::Exchange& exchange)
    : path_(std::move(path)),
      file_(std::move(file)),
      settings_(file_),
      slots_(exchange.destinations),
      rule_sets_(exchange.workers + 1),
      exchange_(exchange) {}

std::string Live::start(const link::Keys& keys) {
  keys_ = keys;
  Edits edits;
  if (auto text = store::read_file(edits_path())) {
    auto parsed = Edits::parse(*text);
    if (auto* fault = std::get_if<std::string>(&parsed)) {
      return edits_path() + " holds no edits of Tandem: " + *fault;
    }
    edits = std::get<Edits>(parsed);
  }
  bool forgotten = forget_gone(edits, file_);
  std::string fault = publish(file_, edits);
  if (!fault.empty() || !forgotten) return fault;
  if (auto unsaved = save(edits_); !unsaved.empty()) spdlog::warn("{}", unsaved);
  return {};
}

// True: there was something to forget.
bool Live::forget_gone(Edits& edits, const Settings& file) const {
  std::vector<Edits::Name> gone = edits.forget_gone(file);
  for (const Edits::Name& name : gone) {
    spdlog::warn("{} of {} is not in the file any more: what management said of it is forgotten",
                 to_string(name), name.group);
  }
  return !gone.empty();
}

std::string Live::publish(const Settings& file, const Edits& edits) {
  std::vector<Edits::Misfit> misfits;
  Settings wanted = edits.over(file, misfits);
  // First, since the rest takes effect by being built.
  link::Rules rules;
  if (auto fault = rule_sets_.build(wanted, slots_, rules); !fault.empty()) return fault;
  auto next = build(wanted, edits, keys_, slots_, exchange_.config.read(), members);
  if (next == nullptr) return kNoSlots;
  next->rules = std::move(rules);
  next->rules.origins = origins_of(wanted, *next);
  for (const auto& [name, why] : misfits) {
    spdlog::warn("{}: {} in {}: {}", edits_path(), to_string(name), name.group, why);
  }
  exchange_.config.publish(std::move(next));
  file_ = file;
  settings_ = std::move(wanted);
  edits_ = edits;
  if (on_publish) on_publish();
  return {};
}

std::vector<std::string> Live::reload() {
  auto loaded = load(path_);
  if (auto* faults = std::get_if<Errors>(&loaded)) return faults->lines;
  const Settings& wanted = std::get<Settings>(loaded);
  std::vector<std::string> faults;
  for (const Fault& one : needs_restart(file_, wanted)) faults.push_back(line_of(one, path_));
  if (!faults.empty()) return faults;
  Edits next = still_said(wanted);
  bool forgotten = next.admin() != edits_.admin();
  forgotten |= forget_gone(next, wanted);
  std::string fault = publish(wanted, next);
  if (fault == kNoSlots) return {line_of({"limits", 0, "destinations", fault}, path_)};
  if (!fault.empty()) return {line_of({"rule", 0, "", fault}, path_)};
  if (forgotten) fault = save(next);
  return fault.empty() ? std::vector<std::string>{} : std::vector{fault};
}

// What the file comes to say otherwise than before counts more than what was said by hand.
Edits Live::still_said(const Settings& wanted) const {
  Edits out = edits_;
  for (const auto& one : edits_.admin()) {
    const DestinationSettings* before = find_in(file_, one.first);
    const DestinationSettings* after = find_in(wanted, one.first);
    if (before != nullptr && after != nullptr && before->enabled != after->enabled) {
      out.forget_admin(one.first);
    }
  }
  return out;
}

std::string Live::save(const Edits& edits) const {
  return store::replace_file(edits_path(), edits.text()).value_or("");
}

// Written down first: what is answered as done is still there after a crash.
std::string Live::apply(const Edits& next, const Edits::Name* changed) {
  if (auto fault = new_misfit(next, changed); !fault.empty()) return fault;
  if (auto fault = save(next); !fault.empty()) return fault;
  Edits before = edits_;
  std::string fault = publish(file_, next);
  if (!fault.empty()) save(before);
  return fault;
}

std::string Live::set(const Edits::Name& name, std::optional<DestinationSettings> destination) {
  Edits next = edits_;
  bool in_file = find_in(file_, name) != nullptr;
  if (destination) {
    next.set(name, {in_file ? Edits::What::kChanged : Edits::What::kAdded, *destination});
  } else if (in_file) {
    next.set(name, {Edits::What::kRemoved, {}});
  } else {
    next.forget(name);
  }
  return apply(next, &name);
}

// What does not fit any more if this is said, or what is changed by it; empty: all does.
std::string Live::new_misfit(const Edits& next, const Edits::Name* changed) const {
  std::vector<Edits::Misfit> before, after;
  edits_.over(file_, before);
  next.over(file_, after);
  for (const Edits::Misfit& one : after) {
    bool known = std::any_of(before.begin(), before.end(),
                             [&](const Edits::Misfit& other) { return other.name == one.name; });
    bool meant = changed != nullptr && one.name == *changed;
    if (!known || meant) return to_string(one.name) + ": " + one.why;
  }
  return {};
}

std::string Live::discard_edits(const std::set<Edits::Name>& names) {
  Edits next = edits_;
  for (const Edits::Name& name : names) next.forget(name);
  if (auto fault = apply(next); !fault.empty()) return fault;
  for (const link::Group& group : exchange_.config.read()->groups) {
    for (const link::Destination& one : group.destinations) {
      if (!names.contains(one.name.entry()) && !names.contains(one.name)) continue;
      const DestinationSettings* settings = find(one.name);
      bool enabled = settings == nullptr || settings->enabled;
      if (auto said = edits_.said_of(one.name)) {
        put(exchange_.destinations.at(one.slot), *said);
      } else {
        slots_.set_admin(one.slot, by_file(enabled));
      }
    }
  }
  return {};
}

// What is as in the file is not written: it goes on with the file.
std::string Live::set_admin(const std::set<Edits::Name>& names, link::Admin admin) {
  Edits next = edits_;
  for (const Edits::Name& name : names) {
    const DestinationSettings* settings = find(name);
    next.forget_admin(name);
    // What it is without a word of its own: as its name, else as the file says.
    auto otherwise = next.said_of(name);
    if (!otherwise && settings != nullptr) {
      otherwise = by_file(settings->enabled);
    }
    if (otherwise != admin) next.set_admin(name, admin);
  }
  if (auto fault = save(next); !fault.empty()) return fault;
  edits_ = next;
  for (const link::Group& group : exchange_.config.read()->groups) {
    for (const link::Destination& one : group.destinations) {
      if (!names.contains(one.name) && !names.contains(one.name.entry())) continue;
      link::DestinationState& state = exchange_.destinations.at(one.slot);
      put(state, admin);
      // Where nobody probes nobody else would lift what management said of it.
      bool probed = group.probe.interval_ms != 0;
      if (admin == link::Admin::kEnabled && !probed) state.probed = link::Probed::kUp;
    }
  }
  for (const Edits::Name& name : names) {
    spdlog::info("{} of {}: {} by management", to_string(name), name.group, word(admin));
  }
  return {};
}

std::vector<resolve::HostName> Live::names() const {
  std::vector<resolve::HostName> out;
  for (const GroupSettings& group : settings_.groups) {
    for (const DestinationSettings& one : group.destinations) {
      if (!one.name.host.empty()) out.push_back(one.name);
    }
  }
  return out;
}

const DestinationSettings* Live::find(const Edits::Name& name) const {
  return find_in(settings_, name);
}

}  // namespace control::config
