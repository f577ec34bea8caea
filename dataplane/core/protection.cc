#include "dataplane/core/protection.h"

#include "sipcore/grammar/char_run.h"
#include "sipcore/grammar/glance.h"

namespace dataplane {

using control::link::Count;
using control::link::Room;
using control::link::Sources;
using control::link::ToControl;

Count Protection::refuse_some(const sipcore::IpAddress& source, std::string_view message) {
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
  if (verdict == Sources::Verdict::kBan) tell(source, ToControl::Reason::kRate);
  return Count::drop_source_rate;
}

bool Protection::is_scanner(const sipcore::IpAddress& source, std::string_view message) {
  const control::link::ProtectSettings& protect = config_->protect;
  if (protect.scanners.empty()) return false;
  if (!protect.is_scanner(sipcore::agent_of_newcomer(message), source)) return false;
  if (protect.ban_scanners) tell(source, ToControl::Reason::kScanner);
  return true;
}

// Where there is no room the next one tells it again.
void Protection::tell(const sipcore::IpAddress& source, ToControl::Reason reason) {
  ToControl message;
  message.what = ToControl::What::kBan;
  message.address = source;
  message.reason = reason;
  to_control_.push(message, Room::kHalf);
}

}  // namespace dataplane
