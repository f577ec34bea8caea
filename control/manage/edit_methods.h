// Groups edited at run time: destinations added, changed and removed, and what was said taken back.
// Control thread only.
#pragma once

#include "control/manage/finder.h"

namespace control::manage {

class EditMethods {
 public:
  EditMethods(config::Live& live, const link::Exchange& exchange)
      : live_(live), exchange_(exchange), finder_(live, exchange) {}

  void add_methods(Rpc& rpc);

 private:
  Json add(const Json& params);
  Json change(const Json& params);
  Json remove(const Json& params);
  Json edits() const;
  Json discard(const Json& params);

  config::Live& live_;
  const link::Exchange& exchange_;
  Finder finder_;
};

}  // namespace control::manage
