#include "sipcore/proxy/validate.h"

#include "sipcore/grammar/number.h"

namespace sipcore {
namespace {

constexpr uint32_t kMaxCSeq = 0x7fffffff;  // RFC 3261 8.1.1.5: less than 2**31
constexpr uint32_t kMostHops = 255;        // RFC 3261 20.22

// Each decoder below gives the fault of its header field, or kNone.
using Decoder = Fault (*)(const Message&, Essentials&);

Fault read_vias(const Message& message, Essentials& out) {
  size_t values = 0;
  Via further;
  for (auto* field = message.first(HeaderName::kVia); field; field = message.next(*field)) {
    Cursor cursor(message.value(*field));
    do {
      Via& via = values == 0 ? out.via.emplace() : further;
      bool good = take_via(cursor, via) && via.sip2;
      if (!good && values == 0) out.via = salvage_via(message.value(*field));
      if (!good) return out.via ? Fault::kBadVia : Fault::kNoVia;
      if (++values > kMaxValues) return Fault::kTooManyValues;
    } while (cursor.take(','));
  }
  return out.via ? Fault::kNone : Fault::kNoVia;
}

Fault read_call_id(const Message& message, Essentials& out) {
  const HeaderField* field = message.first(HeaderName::kCallId);
  if (field == nullptr) return Fault::kNoCallId;
  out.call_id = message.value(*field);
  return all_of(out.call_id, kCallIdChar) ? Fault::kNone : Fault::kBadCallId;
}

Fault read_party(const Message& message, HeaderName name, Fault missing, Fault bad,
                 std::string_view& tag) {
  const HeaderField* field = message.first(name);
  if (field == nullptr) return missing;
  auto party = parse_name_addr(message.value(*field));
  if (!party) return bad;
  tag = party->tag;
  return Fault::kNone;
}

Fault read_from(const Message& message, Essentials& out) {
  return read_party(message, HeaderName::kFrom, Fault::kNoFrom, Fault::kBadFrom, out.from_tag);
}

Fault read_to(const Message& message, Essentials& out) {
  return read_party(message, HeaderName::kTo, Fault::kNoTo, Fault::kBadTo, out.to_tag);
}

Fault read_cseq(const Message& message, Essentials& out) {
  const HeaderField* field = message.first(HeaderName::kCSeq);
  if (field == nullptr) return Fault::kNoCSeq;
  Cursor cursor(message.value(*field));
  auto number = parse_number(cursor.take_class(kDigitChar), kMaxCSeq);
  bool gap = is_lws(cursor.peek());
  cursor.skip_lws();
  out.cseq_method = cursor.take_token();
  if (!number || !gap || out.cseq_method.empty() || !cursor.done()) return Fault::kBadCSeq;
  out.cseq = *number;
  bool differs = message.is_request() && out.cseq_method != message.method_text();
  return differs ? Fault::kMethodMismatch : Fault::kNone;
}

// RFC 3261 16.3 step 1 and 2. A URI of an unknown scheme cannot be forwarded by us at all; headers
// in a Request-URI are not allowed (19.1.1, table 1).
Fault read_request_uri(const Message& message, Essentials& out) {
  if (!parse_uri(message.uri_text(), out.request_uri)) {
    out.request_uri = {};
    return Fault::kBadRequestUri;
  }
  if (out.request_uri.scheme == Scheme::kOther) return Fault::kUnknownScheme;
  return out.request_uri.has_headers ? Fault::kBadRequestUri : Fault::kNone;
}

Fault read_max_forwards(const Message& message, Essentials& out) {
  const HeaderField* field = message.first(HeaderName::kMaxForwards);
  if (field == nullptr) return Fault::kNone;
  auto hops = parse_number(message.value(*field), kMostHops);
  if (!hops) return Fault::kBadMaxForwards;
  out.max_forwards = *hops;
  out.has_max_forwards = true;
  return Fault::kNone;
}

Fault check_routes(const Message& message, HeaderName name, std::optional<NameAddr>& first) {
  size_t values = 0;
  for (auto* field = message.first(name); field; field = message.next(*field)) {
    Cursor cursor(message.value(*field));
    do {
      auto value = take_name_addr(cursor);
      if (!value) return Fault::kBadRoute;
      if (++values > kMaxValues) return Fault::kTooManyValues;
      if (values == 1) first = value;
    } while (cursor.take(','));
  }
  return Fault::kNone;
}

Fault check_route(const Message& message, Essentials& out) {
  return check_routes(message, HeaderName::kRoute, out.first_route);
}

Fault check_record_route(const Message& message, Essentials&) {
  std::optional<NameAddr> unused;
  return check_routes(message, HeaderName::kRecordRoute, unused);
}

// RFC 3261 16.3 step 3: Max-Forwards of 0 ends here. A CANCEL is for this hop alone (9.2).
Fault check_hops(const Message& message, Essentials& out) {
  bool exhausted = out.has_max_forwards && out.max_forwards == 0;
  bool exempt = message.method() == Method::kAck || message.method() == Method::kCancel;
  return exhausted && !exempt ? Fault::kTooManyHops : Fault::kNone;
}

// RFC 3261 16.3 step 5: Tandem understands no extension that a proxy would have to know.
Fault check_proxy_require(const Message& message, Essentials&) {
  bool wanted = message.first(HeaderName::kProxyRequire) != nullptr &&
                message.method() != Method::kCancel && message.method() != Method::kAck;
  return wanted ? Fault::kBadExtension : Fault::kNone;
}

// All decoders run, so that as much as possible is known for an answer; the first fault counts.
template <Decoder... kDecoders>
Fault run(const Message& message, Fault fault, Essentials& out) {
  auto keep_first = [&](Fault found) {
    if (fault == Fault::kNone) fault = found;
  };
  (keep_first(kDecoders(message, out)), ...);
  return fault;
}

}  // namespace

void Essentials::clear() {
  via.reset();
  request_uri = {};
  first_route.reset();
  call_id = from_tag = to_tag = cseq_method = {};
  cseq = max_forwards = 0;
  has_max_forwards = false;
}

Fault validate(const Message& message, Fault fault, Essentials& out) {
  if (fault != Fault::kNone && status_of(fault) == 0) return fault;
  Fault via = read_vias(message, out);
  if (via == Fault::kNoVia) return via;
  if (fault == Fault::kNone) fault = via;
  fault = run<read_call_id, read_from, read_to, read_cseq>(message, fault, out);
  if (!message.is_request()) return fault == Fault::kNone ? fault : Fault::kBadResponse;
  // The order is the one of RFC 3261 16.3: syntax, scheme, hops, extensions.
  fault = run<read_request_uri, read_max_forwards, check_route, check_record_route, check_hops,
              check_proxy_require>(message, fault, out);
  if (fault != Fault::kNone && message.method() == Method::kAck) return Fault::kMalformedAck;
  return fault;
}

}  // namespace sipcore
