// Which datagrams are dropped for whom they come from, before they are parsed: denied sources,
// those that send more requests than one source may, and tools that look for holes.
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
    refuses_some_ = denied != nullptr || banned != nullptr || config.protect.limits.any();
  }

  bool denies(const sipcore::IpAddress& source) const {
    return denied_ != nullptr && denied_->contains(source);
  }
  // The name of the drop; kFates: it may pass.
  control::link::Count refuse(const sipcore::IpAddress& source, std::string_view message) {
    return refuses_some_ ? refuse_some(source, message) : control::link::Count::kFates;
  }
  // A request of a tool that looks for holes, by its User-Agent, right or wrong; where those are
  // banned, control is told. What may belong to a call is none: what has a tag in To, CANCEL (which
  // the proxy asks about where it fits nothing), and ACK, which nobody answers.
  bool is_scanner(const sipcore::IpAddress& source, std::string_view message);

 private:
  control::link::Count refuse_some(const sipcore::IpAddress& source, std::string_view message);
  void tell(const sipcore::IpAddress& source, control::link::ToControl::Reason reason);

  control::link::Sources& sources_;
  control::link::Mailbox<control::link::ToControl>& to_control_;
  const control::link::RunningConfig* config_ = nullptr;
  const control::link::Networks* denied_ = nullptr;
  const control::link::Networks* banned_ = nullptr;
  uint64_t now_ns_ = 0;
  bool refuses_some_ = false;
};

}  // namespace dataplane
