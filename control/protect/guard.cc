#include "control/protect/guard.h"

#include <spdlog/spdlog.h>

#include <ctime>

namespace control::protect {

namespace {
// A flood from many sources must not keep this thread from everything else.
constexpr size_t kMostLearned = 1000;    // in a second
constexpr size_t kToldInASecond = 10;    // in the log
constexpr uint64_t kBetweenSavesS = 10;  // of what was learned
}  // namespace

std::string Guard::start(const sipcore::HashKey& key, uint64_t now_s) {
  key_ = key;
  std::string fault = bans_.load(now_s, static_cast<uint64_t>(std::time(nullptr)));
  if (fault.empty()) publish();
  return fault;
}

void Guard::configure(const config::Settings& settings) {
  settings_ = &settings;
  if (denied_ == settings.denied && exchange_.denied.read() != nullptr) return;
  denied_ = settings.denied;
  exchange_.denied.publish(std::make_unique<link::Networks>(denied_, key_));
}

void Guard::publish() {
  std::vector<link::Network> all;
  for (const auto& one : bans_.all()) all.push_back(one.first);
  exchange_.banned.publish(std::make_unique<link::Networks>(all, key_));
  changed_ = false;
}

void Guard::found_out(const link::ToControl& message, uint64_t now_s) {
  if (exchange_.config.read()->protect.trusts(message.address)) return;
  link::Network network = link::site_of(message.address);
  bool scanner = message.reason == link::ToControl::Reason::kScanner;
  if (bans_.all().contains(network) || learned_ >= kMostLearned) return;
  if (!bans_.add({network, now_s + settings_->ban_s, scanner ? "scanner" : "rate"})) return;
  ++learned_;
  changed_ = unsaved_ = true;
  if (++told_ > kToldInASecond) return;
  spdlog::warn("{} is banned for {} s: {}", to_string(network), settings_->ban_s,
               scanner ? "a scanner" : "too many requests");
}

void Guard::tick(uint64_t now_s) {
  if (told_ > kToldInASecond) {
    spdlog::warn("{} more sources are banned", told_ - kToldInASecond);
  }
  told_ = learned_ = 0;
  changed_ |= bans_.expire(now_s);
  unsaved_ |= changed_;
  if (changed_) publish();
  if (!unsaved_ || now_s < saved_s_ + kBetweenSavesS) return;
  if (auto fault = save(now_s); !fault.empty()) spdlog::error("bans: {}", fault);
}

std::string Guard::save(uint64_t now_s) {
  unsaved_ = false;
  saved_s_ = now_s;
  return bans_.save(now_s, static_cast<uint64_t>(std::time(nullptr)));
}

std::string Guard::ban(const link::Network& network, uint64_t seconds, uint64_t now_s) {
  bans_.remove(network);
  if (!bans_.add({network, seconds == 0 ? 0 : now_s + seconds, "management"})) {
    return "there are as many bans as there may be";
  }
  publish();
  return save(now_s);
}

std::string Guard::unban(const link::Network& network, uint64_t now_s) {
  if (!bans_.remove(network)) return to_string(network) + " is not banned";
  publish();
  return save(now_s);
}

}  // namespace control::protect
