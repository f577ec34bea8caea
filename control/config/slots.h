// Which slot of link::Destinations belongs to which destination. Control thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/link/destinations.h"
#include "control/link/running_config.h"
#include "sipcore/grammar/ip.h"

namespace control::config {

// What tells a destination from all others: the same URI in two groups is two destinations, each
// with its own state and limits, and so is the same URI reached from two listen addresses, or at
// two addresses of its host name.
struct DestinationName {
  std::string group;
  std::string uri;
  uint16_t listen = 0;
  sipcore::Endpoint endpoint;  // of a URI with a host name: each address of it is one
  friend bool operator==(const DestinationName&, const DestinationName&) = default;
};

inline constexpr const char* kNoSlots =
    "with those that were removed and still have calls there are more destinations, and limits of "
    "groups and rules, than destinations in [limits]";

class Slots {
 public:
  explicit Slots(link::Destinations& states) : states_(states), owners_(states.size()) {}

  struct Slot {
    uint16_t index = link::kNoDestination;
    std::shared_ptr<const void> hold;    // the slot is taken until the last one is gone
    std::optional<link::Admin> changed;  // the file says something else of it than before
  };
  // The slot it has, else a free one with everything at its beginning, and as the operator `said`.
  // nullopt: no slot is free.
  std::optional<Slot> take(const DestinationName& name, bool enabled,
                           std::optional<link::Admin> said);
  // The slot that counts for a limit of that name. False: none is free.
  bool take_limit(const std::string& name, link::CallLimit& out);
  void set_admin(uint16_t slot, link::Admin admin);

 private:
  struct Owner {
    DestinationName name;
    std::weak_ptr<const void> hold;
    bool enabled = true;  // in the file
  };
  size_t find(const DestinationName& name) const;
  size_t find_free() const;

  link::Destinations& states_;
  std::vector<Owner> owners_;
};

}  // namespace control::config
