// Sources that were found out and get nothing any more for a time: learned from the workers, or
// given by the operator. They lie in the state directory and stay over a restart. Control thread
// only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/link/networks.h"

namespace control::protect {

struct Ban {
  link::Network network;
  uint64_t until_s = 0;  // of the clock that the caller keeps; 0: for good
  std::string reason;
};

class Bans {
 public:
  static constexpr size_t kMost = 1000000;

  explicit Bans(std::string path) : path_(std::move(path)) {}

  // `now_s` never jumps; `date_s` is what the file is written in. A sentence; empty: done.
  std::string load(uint64_t now_s, uint64_t date_s);
  std::string save(uint64_t now_s, uint64_t date_s) const;

  // False: there is no room. One that is there gets the later end of the two.
  bool add(const Ban& ban);
  bool remove(const link::Network& network);
  // Those whose time is up go; true: some did.
  bool expire(uint64_t now_s);
  std::vector<Ban> list(size_t most) const;
  const std::map<link::Network, Ban>& all() const { return all_; }

 private:
  std::string path_;
  std::map<link::Network, Ban> all_;
};

}  // namespace control::protect
