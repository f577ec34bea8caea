#include "dataplane/core/protection.h"

#include "sipcore/grammar/char_run.h"

namespace dataplane {

using control::link::Count;
using control::link::Room;
using control::link::Sources;
using control::link::ToControl;

Count Protection::refuse(const sipcore::IpAddress& source, std::string_view message) {
  if (denies(source)) return Count::drop_denied;
  const control::link::ProtectSettings& protect = config_->protect;
  bool banned = banned_ != nullptr && banned_->contains(source);
  if (banned && !protect.trusts(source)) return Count::drop_denied;
  message = sipcore::skip_empty_lines(message);
  // What answers a request of ours has a token to show.
  if (!protect.limits.any() || message.starts_with("SIP/")) return Count::kFates;
  if (protect.trusts(source)) return Count::kFates;
  bool invite = message.starts_with("INVITE ");
  auto verdict = sources_.admit(source, invite, now_ns_, protect.limits, config_->keys.token);
  if (verdict == Sources::Verdict::kAdmit) return Count::kFates;
  if (verdict == Sources::Verdict::kBan) {
    ToControl message_to;
    message_to.what = ToControl::What::kBan;
    message_to.address = source;
    message_to.reason = ToControl::Reason::kRate;
    to_control_.push(message_to,
                     Room::kHalf);  // where there is no room the next window tells it again
  }
  return Count::drop_source_rate;
}

}  // namespace dataplane
