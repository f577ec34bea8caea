// Groups and destinations by management: dispatcher.* as Kamailio's users know it, and our own for
// draining, changes of what is configured, and what happened.
#pragma once

#include "control/config/live.h"
#include "control/health/health.h"
#include "control/manage/rpc.h"

namespace control::manage {

class Dispatcher {
 public:
  // `now_us` is the clock of the workers.
  Dispatcher(config::Live& live, health::Health& health, link::Exchange& exchange,
             std::function<uint64_t()> now_us)
      : live_(live), health_(health), exchange_(exchange), now_us_(std::move(now_us)) {}

  void add_methods(Rpc& rpc);

 private:
  struct Found {
    const link::Group* group;
    const link::Destination* destination;
    bool alone = false;  // one address of a name, asked for by that address
  };
  Json list() const;
  Json show(const link::Group& group, const link::Destination& one) const;
  Json set_state(const Json& params);
  Json set_admin(const Json& params, link::Admin admin);
  Json add(const Json& params);
  Json change(const Json& params);
  Json remove(const Json& params);
  Json ping(const Json& params);
  Json events(const Json& params) const;
  const link::Group& group_of(const Json& name) const;
  static std::set<config::Edits::Name> names_of(const std::vector<Found>& all);
  std::vector<Found> find(const Json& group, const std::string& address) const;

  config::Live& live_;
  health::Health& health_;
  link::Exchange& exchange_;
  std::function<uint64_t()> now_us_;
};

}  // namespace control::manage
