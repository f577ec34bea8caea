#include "dataplane/core/tap.h"

#include <algorithm>
#include <utility>

#include "dataplane/steer/owner.h"
#include "sipcore/hash/siphash.h"

namespace dataplane {

using control::link::Traced;
using control::link::TraceFilter;

namespace {

// ":bob@" of a SIP URI, ":+49301234" of a telephone number.
bool has_user(std::string_view header, std::string_view user) {
  for (size_t at = header.find(user); at != header.npos; at = header.find(user, at + 1)) {
    size_t end = at + user.size();
    bool begins = at > 0 && header[at - 1] == ':';
    bool ends = end < header.size() &&
                std::string_view("@;>: \r").find(header[end]) != std::string_view::npos;
    if (begins && ends) return true;
  }
  return false;
}

}  // namespace

bool is_wanted(const TraceFilter& filter, std::string_view message) {
  if (filter.what == TraceFilter::What::kAll) return true;
  std::string_view call_id = find_call_id(message);
  if (filter.what == TraceFilter::What::kCallId) return call_id == filter.text;
  const auto& calls = filter.calls;
  if (std::find(calls.begin(), calls.end(), call_id) != calls.end()) return true;
  return has_user(message.substr(0, message.find("\r\n\r\n")), filter.text);
}

bool Tap::wants(std::string_view message) {
  if (filter_->what != TraceFilter::What::kUser) return is_wanted(*filter_, message);
  if (std::exchange(trace_, filter_->number) != filter_->number) count_ = 0;
  // Whom it meets by the same hash is copied too.
  uint64_t call = sipcore::siphash({}, find_call_id(message));
  auto end = calls_.begin() + static_cast<ptrdiff_t>(count_);
  if (std::find(calls_.begin(), end, call) != end) return true;
  if (!is_wanted(*filter_, message)) return false;
  if (count_ < calls_.size()) calls_[count_++] = call;
  return true;
}

void Tap::note(const sipcore::Endpoint& from, const sipcore::Endpoint& to,
               std::string_view message) {
  if (!wants(message)) return;
  Traced traced;
  traced.at_us = now_us_;
  traced.from = from;
  traced.to = to;
  traced.size = static_cast<uint32_t>(message.size());
  std::copy_n(message.begin(), std::min(message.size(), Traced::kMost), traced.bytes.begin());
  if (!traced_.push(traced)) traffic_.trace_lost.add();
}

}  // namespace dataplane
