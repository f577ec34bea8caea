// Which slot of link::Destinations belongs to which destination. Control thread only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/link/destination_name.h"
#include "control/link/destinations.h"
#include "control/link/running_config.h"

namespace control::config {

inline constexpr const char* kNoSlots =
    "with those that were removed and still have calls there are more destinations, and limits of "
    "groups and rules, than destinations in [limits]";

// What the file says by `enabled`.
inline link::Admin by_file(bool enabled) {
  return enabled ? link::Admin::kEnabled : link::Admin::kDisabled;
}

// What was taken out and comes back starts slowly, like one that was down.
void put(link::DestinationState& state, link::Admin admin);

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
  std::optional<Slot> take(const link::DestinationName& name, bool enabled,
                           std::optional<link::Admin> said);
  // The slot that counts for a limit of that name. False: none is free.
  bool take_limit(const std::string& name, link::CallLimit& out);
  void set_admin(uint16_t slot, link::Admin admin);

 private:
  struct Owner {
    link::DestinationName name;
    std::weak_ptr<const void> hold;
    bool enabled = true;  // in the file
  };
  bool is_taken(size_t slot) const;
  size_t find(const link::DestinationName& name) const;
  size_t find_free();

  link::Destinations& states_;
  std::vector<Owner> owners_;
  std::map<link::DestinationName, size_t> known_;  // the slots of all that own one, or did last
  size_t next_ = 0;                                // where a free one is looked for
};

}  // namespace control::config
