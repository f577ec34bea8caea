// Answers to a request that are made without any state.
#include "dataplane/paths/proxy.h"
#include "sipcore/build/reply.h"

namespace dataplane {

using control::link::Count;
using sipcore::Fault;
using sipcore::HeaderName;
using sipcore::Method;

// What is wrong with a request is answered without making any state (RFC 3261 8.2.7).
Count Proxy::refuse(Fault fault) {
  if (in_->message.method() == Method::kAck) {
    return fault == Fault::kBadToken ? Count::drop_forged_token : Count::drop_bad_ack;
  }
  sipcore::Writer headers(hop_out_);
  if (fault == Fault::kBadExtension) {
    const auto* field = in_->message.first(HeaderName::kProxyRequire);
    for (; field != nullptr; field = in_->message.next(*field)) {
      headers.add("Unsupported: ").add(in_->message.value(*field)).add("\r\n");
    }
  }
  counters_.add(fault == Fault::kBadToken ? Count::rejected_token : Count::rejected_malformed);
  return answer_directly(sipcore::status_of(fault), sipcore::phrase_of(fault), headers.text());
}

// Whoever sends with somebody else's address must not have much more sent to him than he sends. No
// request that somebody means is so short.
bool Proxy::is_amplified(size_t answer) const {
  return answer * 2 > in_->message.bytes().size() * 3;
}

// Back through the balancer that the request in hand came by, else as its Via says (RFC 3261
// 18.2.2, RFC 3581 4).
sipcore::Endpoint Proxy::reply_target() const {
  const Arrival& arrival = in_->arrival;
  if (arrival.by_balancer) return arrival.peer;
  return sipcore::reply_target(*in_->essentials.via, arrival.source);
}

// An answer without any state.
Count Proxy::answer_directly(int status, std::string_view reason, std::string_view headers) {
  size_t size = write_reply(*in_, in_->arrival.source, status, reason, headers);
  if (size == 0) return Count::drop_no_memory;
  if (is_amplified(size)) return Count::drop_too_short;
  traffic_.response_out(in_->arrival.listen, in_->message.method(), status);
  sipcore::Endpoint to = reply_target();
  send_bytes({out_.data(), size}, in_->arrival.listen, to, Count::sent_reply);
  return Count::request_answered;
}

// It came while the worker had no time for it.
Count Proxy::turn_away() {
  if (in_->overload == Overload::Verdict::kDrop) return Count::drop_overload;
  return answer_unavailable(Count::rejected_overload);
}

// With Retry-After (RFC 3261 20.33) unless that is 0; `why` counts what was really answered.
Count Proxy::answer_refused(int status, std::string_view reason, uint32_t retry_after_s,
                            Count why) {
  char text[40];
  Count fate = answer_directly(status, reason, sipcore::retry_after(retry_after_s, text));
  if (fate == Count::request_answered) counters_.add(why);
  return fate;
}

// No room, no time, or nobody to send it to.
Count Proxy::answer_unavailable(Count why) {
  return answer_refused(503, "Service Unavailable", config_->retry_after_s, why);
}

}  // namespace dataplane
