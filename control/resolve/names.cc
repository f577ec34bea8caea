#include "control/resolve/names.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <sstream>
#include <stdexcept>
#include <utility>

#include "control/store/file.h"

namespace control::resolve {

Names::Names(Families families, std::string file)
    : file_(std::move(file)),
      resolver_(families, [this](const std::string& name, RecordType type, Resolver::Done done) {
        name_server_.ask(name, type, std::move(done));
      }) {
  resolver_.hosts = [this](const std::string& name) { return name_server_.in_hosts_file(name); };
  resolver_.on_change = [this](const HostName& name) {
    spdlog::info("{} stands for {} addresses", name.host, members(name).size());
    changed_ = true;
  };
  resolver_.on_failure = [this](const HostName& name) {
    spdlog::warn("{} cannot be resolved; {} addresses of before stay", name.host,
                 members(name).size());
  };
}

std::string Names::open(const std::vector<std::string>& servers) {
  try {
    if (auto text = store::read_file(file_)) resolver_.recall(found_in(*text));
  } catch (const std::runtime_error& fault) {
    spdlog::warn("{}; names begin with nothing", fault.what());
  }
  return name_server_.open(servers);
}

void Names::tick(uint64_t now_ms) {
  name_server_.tick();
  resolver_.tick(now_ms);
  if (!std::exchange(changed_, false)) return;
  if (auto fault = store::replace_file(file_, text_of(resolver_.found()))) {
    spdlog::warn("names are not kept for the next start: {}", *fault);
  }
  if (on_change) on_change();
}

std::string text_of(const Resolver::Found& found) {
  std::string out;
  for (const auto& [name, members] : found) {
    for (const Member& one : members) {
      out += fmt::format("{} {} {} {} {}\n", name.host, name.port, one.srv_priority, one.srv_weight,
                         sipcore::to_string(one.endpoint));
    }
  }
  return out;
}

Resolver::Found found_in(const std::string& text) {
  Resolver::Found out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    HostName name;
    Member member;
    std::string address;
    words >> name.host >> name.port >> member.srv_priority >> member.srv_weight >> address;
    auto endpoint = sipcore::parse_endpoint(address, sipcore::kDefaultPort);
    bool good = !words.fail() && member.srv_weight > 0 && endpoint;
    if (!good || endpoint->ip.unusable_as_target()) continue;
    member.endpoint = *endpoint;
    out[name].push_back(member);
  }
  return out;
}

}  // namespace control::resolve
