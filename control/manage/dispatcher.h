// Groups and destinations by management: dispatcher.* as Kamailio's users know it, and our own for
// draining and for what happened. Control thread only.
#pragma once

#include "control/health/health.h"
#include "control/manage/finder.h"

namespace control::manage {

Json json_of(const health::Change& change);

class Dispatcher {
 public:
  // `now_us` is the clock of the workers.
  Dispatcher(config::Live& live, health::Health& health, link::Exchange& exchange,
             std::function<uint64_t()> now_us)
      : live_(live),
        health_(health),
        exchange_(exchange),
        now_us_(std::move(now_us)),
        finder_(live, exchange) {}

  void add_methods(Rpc& rpc);

 private:
  using Name = link::DestinationName;
  Json list() const;
  Json show(const Name& name, const link::Destination* one) const;
  Json set_state(const Json& params);
  Json set_admin(const Json& params, link::Admin admin);
  Json ping(const Json& params);
  Json events(const Json& params) const;
  Json ping_active(const Json& params);

  config::Live& live_;
  health::Health& health_;
  link::Exchange& exchange_;
  std::function<uint64_t()> now_us_;
  Finder finder_;
};

}  // namespace control::manage
