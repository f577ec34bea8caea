#include "control/config/live.h"

#include <spdlog/spdlog.h>

#include "control/config/groups.h"
#include "control/store/file.h"

namespace control::config {

namespace {

// What the edits make of the file must stand by the rules of a file.
std::string check(const Settings& settings) {
  size_t count = 0;
  for (const GroupSettings& group : settings.groups) {
    GroupSettings before = group;
    before.destinations.clear();
    for (const DestinationSettings& one : group.destinations) {
      if (auto fault = misfit(one, before, settings); !fault.empty()) return fault;
      before.destinations.push_back(one);
    }
    count += group.destinations.size();
  }
  if (count <= settings.destinations) return {};
  return "there are more destinations than destinations in [limits] allows";
}

}  // namespace

Live::Live(std::string path, Settings file, link::Exchange& exchange)
    : path_(std::move(path)),
      file_(std::move(file)),
      settings_(file_),
      slots_(exchange.destinations),
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
  if (auto fault = publish(file_, edits); !fault.empty()) return fault;
  for (const link::Group& group : exchange_.config.read()->groups) {
    for (const link::Destination& one : group.destinations) {
      auto said = edits_.admin().find({group.name, one.uri});
      if (said != edits_.admin().end()) exchange_.destinations.at(one.slot).admin = said->second;
    }
  }
  return {};
}

std::string Live::publish(const Settings& file, const Edits& edits) {
  Settings wanted = edits.over(file);
  if (auto fault = check(wanted); !fault.empty()) return fault;
  auto next = build(wanted, keys_, slots_, exchange_.config.read(), members);
  if (next == nullptr) {
    return "with those that were removed and still have calls there are more destinations than "
           "destinations in [limits]";
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
  std::string fault = needs_restart(file_, wanted);
  if (fault.empty()) fault = publish(wanted, edits_);
  if (fault.empty()) return {};
  return {path_ + ":1:1: " + fault};
}

std::string Live::save(const Edits& edits) const {
  return store::replace_file(edits_path(), edits.text()).value_or("");
}

// Written down first: what is answered as done is still there after a crash.
std::string Live::set(const Edits::Name& name, std::optional<DestinationSettings> destination) {
  Edits next = edits_;
  next.set(name, std::move(destination));
  if (auto fault = check(next.over(file_)); !fault.empty()) return fault;
  if (auto fault = save(next); !fault.empty()) return fault;
  Edits before = edits_;
  std::string fault = publish(file_, next);
  if (!fault.empty()) save(before);
  return fault;
}

std::string Live::discard_edits() {
  Edits next = edits_;
  next.clear();
  if (auto fault = save(next); !fault.empty()) return fault;
  return publish(file_, next);
}

// All that differs from the file is written, so that what was put right there is forgotten.
std::string Live::set_admin(const link::Group& group, const link::Destination& destination,
                            link::Admin admin) {
  auto& state = exchange_.destinations.at(destination.slot).admin;
  link::Admin before = state;
  state = admin;
  Edits next = edits_;
  next.forget_admin();
  for (const link::Group& each : exchange_.config.read()->groups) {
    for (const link::Destination& one : each.destinations) {
      Edits::Name name{each.name, one.uri};
      const DestinationSettings* settings = find(name);
      link::Admin now = exchange_.destinations.at(one.slot).admin;
      bool as_in_file = settings != nullptr && settings->enabled == (now == link::Admin::kEnabled);
      if (!as_in_file) next.set_admin(name, now);
    }
  }
  std::string fault = save(next);
  if (!fault.empty()) {
    state = before;
    return fault;
  }
  edits_ = next;
  spdlog::info("{} of {}: {} by management", destination.uri, group.name, word(admin));
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
  for (const GroupSettings& group : settings_.groups) {
    if (group.name != name.first) continue;
    for (const DestinationSettings& one : group.destinations) {
      if (one.uri == name.second) return &one;
    }
  }
  return nullptr;
}

}  // namespace control::config
