// Which datagrams are dropped for whom they come from, before anything of them is read: denied
// sources, and those that send more requests than one source may.
#pragma once

#include "control/link/exchange.h"

namespace dataplane {

class Protection {
 public:
  Protection(control::link::Sources& sources,
             control::link::Mailbox<control::link::ToControl>& to_control)
      : sources_(sources), to_control_(to_control) {}

  // All are valid until the next call; `denied` and `banned` may be nullptr.
  void begin_turn(const control::link::RunningConfig& config, const control::link::Networks* denied,
                  const control::link::Networks* banned, uint64_t now_us) {
    config_ = &config;
    denied_ = denied;
    banned_ = banned;
    now_ns_ = now_us * 1000;
  }

  bool denies(const sipcore::IpAddress& source) const {
    return denied_ != nullptr && denied_->contains(source);
  }
  // The name of the drop; kFates: it may pass.
  control::link::Count refuse(const sipcore::IpAddress& source, std::string_view message);

 private:
  control::link::Sources& sources_;
  control::link::Mailbox<control::link::ToControl>& to_control_;
  const control::link::RunningConfig* config_ = nullptr;
  const control::link::Networks* denied_ = nullptr;
  const control::link::Networks* banned_ = nullptr;
  uint64_t now_ns_ = 0;
};

}  // namespace dataplane
