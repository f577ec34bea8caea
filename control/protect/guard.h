// Who is kept out: what the file denies, and who is banned for a time, which does not touch those
// who are trusted. Published for the workers. Control thread only.
#pragma once

#include "control/config/settings.h"
#include "control/link/exchange.h"
#include "control/protect/bans.h"

namespace control::protect {

class Guard {
 public:
  Guard(link::Exchange& exchange, const std::string& directory)
      : exchange_(exchange), bans_(directory + "/bans") {}

  // A sentence; empty: ready.
  std::string start(const sipcore::HashKey& key, uint64_t now_s);
  // After the file was read again; the settings stay valid until the next call.
  void configure(const config::Settings& settings);
  // A worker found a source out. Whom the operator trusts, and destinations, are never banned.
  void found_out(const link::ToControl& message, uint64_t now_s);
  // Once a second: ends bans, publishes and writes down what has changed.
  void tick(uint64_t now_s);
  // By management, written down before they return. A sentence; empty: done. `seconds` 0: for good.
  std::string ban(const link::Network& network, uint64_t seconds, uint64_t now_s);
  std::string unban(const link::Network& network, uint64_t now_s);

  const Bans& bans() const { return bans_; }

 private:
  std::string save(uint64_t now_s);
  void publish();

  link::Exchange& exchange_;
  Bans bans_;
  const config::Settings* settings_ = nullptr;
  sipcore::HashKey key_;
  std::vector<link::Network> denied_;  // as published
  bool changed_ = false, unsaved_ = false;
  uint64_t saved_s_ = 0;
  size_t learned_ = 0, told_ = 0;  // in this second
};

}  // namespace control::protect
