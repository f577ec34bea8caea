#include "control/protect/bans.h"

#include <fmt/format.h>

#include <charconv>

#include "control/store/file.h"

namespace control::protect {

namespace {

std::string_view take_word(std::string_view& line, char end) {
  size_t size = std::min(line.find(end), line.size());
  std::string_view word = line.substr(0, size);
  line.remove_prefix(std::min(size + 1, line.size()));
  return word;
}

}  // namespace

// A line for each: network, end as seconds since 1970 or 0, reason.
std::string Bans::save(uint64_t now_s, uint64_t date_s) const {
  std::string text;
  for (const auto& [network, ban] : all_) {
    uint64_t until = ban.until_s == 0 ? 0 : ban.until_s - std::min(ban.until_s, now_s) + date_s;
    text += fmt::format("{} {} {}\n", to_string(network), until, ban.reason);
  }
  return store::replace_file(path_, text).value_or("");
}

std::string Bans::load(uint64_t now_s, uint64_t date_s) {
  auto text = store::read_file(path_);
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  for (size_t number = 1; !rest.empty(); ++number) {
    std::string_view line = take_word(rest, '\n');
    auto network = link::parse_network(take_word(line, ' '));
    std::string_view digits = take_word(line, ' ');
    uint64_t until = 0;
    auto end = std::from_chars(digits.data(), digits.data() + digits.size(), until);
    if (!network || end.ec != std::errc() || end.ptr != digits.data() + digits.size()) {
      return fmt::format("{}:{}: no ban, which is a network, seconds since 1970, and a reason",
                         path_, number);
    }
    if (until != 0 && until <= date_s) continue;
    add({*network, until == 0 ? 0 : until - date_s + now_s, std::string(line)});
  }
  return {};
}

bool Bans::add(const Ban& ban) {
  auto known = all_.find(ban.network);
  if (known == all_.end()) {
    if (all_.size() >= kMost) return false;
    all_[ban.network] = ban;
    return true;
  }
  bool longer = ban.until_s == 0 || ban.until_s > known->second.until_s;
  if (known->second.until_s != 0 && longer) known->second = ban;
  return true;
}

bool Bans::remove(const link::Network& network) { return all_.erase(network) > 0; }

bool Bans::expire(uint64_t now_s) {
  return std::erase_if(all_, [&](const auto& one) {
           return one.second.until_s != 0 && one.second.until_s <= now_s;
         }) > 0;
}

std::vector<Ban> Bans::list(size_t most) const {
  std::vector<Ban> out;
  for (const auto& [network, ban] : all_) {
    if (out.size() == most) break;
    out.push_back(ban);
  }
  return out;
}

}  // namespace control::protect
