// Parse, edit, write, parse: what goes out is a valid request with our Via on top, everything that
// the proxy must not touch is as it was, the body to the byte, and writing in place agrees with the
// copy.
#include <array>
#include <string>

#include "sipcore/proxy/forward.h"
#include "sipcore/proxy/validate.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static sipcore::Message in, out;
  static sipcore::ForwardScratch scratch;
  static std::array<char, 70000> copy;
  static const sipcore::HashKey key{1, 2};
  static const sipcore::Endpoint self[] = {*sipcore::parse_endpoint("198.18.0.1:5060", 0)};
  fuzz::Exact input(data, size);
  sipcore::Essentials essentials, after;
  if (sipcore::validate(in, in.parse(input.text()), essentials) != sipcore::Fault::kNone) return 0;
  if (!in.is_request() || (essentials.has_max_forwards && essentials.max_forwards == 0)) return 0;
  sipcore::RoutePlan plan = sipcore::plan_route(in, essentials, {self}, key);
  if (plan.fault != sipcore::Fault::kNone) return 0;
  sipcore::Hop hop;
  char branch[sipcore::kBranchSize], token[sipcore::kRouteTokenMost];
  hop.branch = sipcore::write_branch(key, {1, 2, 3, 4}, branch);
  hop.route_token = sipcore::write_route_token(key, {self[0], 5}, essentials.call_id, token);
  hop.sent_by = self[0];
  hop.source = *sipcore::parse_endpoint("192.0.2.7:5061", 0);
  hop.record_routes = self;
  sipcore::EditList edits;
  if (!sipcore::forward_request(in, essentials, plan, hop, scratch, edits)) return 0;
  size_t written = sipcore::apply_copy(edits, in.bytes(), copy);
  if (written == 0) return 0;
  std::string_view text(copy.data(), written);

  std::string room = std::string(4096, '.') + std::string(in.bytes());
  char* begin = sipcore::apply_in_place(edits, room.data() + 4096, in.bytes().size(), 4096);
  CHECK(begin != nullptr);
  CHECK(std::string_view(begin, static_cast<size_t>(room.data() + room.size() - begin)) == text);

  if (text.size() > 65535 || in.field_count() + 4 > sipcore::kMaxHeaders) return 0;
  sipcore::Fault fault = sipcore::validate(out, out.parse(text), after);
  // Hops may have run out, and our own values count towards the bounds.
  if (fault == sipcore::Fault::kTooManyHops || fault == sipcore::Fault::kTooManyValues) return 0;
  CHECK(fault == sipcore::Fault::kNone);
  CHECK(after.via->branch == hop.branch);
  CHECK(out.body() == in.body());
  CHECK(out.method_text() == in.method_text() && after.call_id == essentials.call_id);
  CHECK(after.from_tag == essentials.from_tag && after.cseq == essentials.cseq);
  return 0;
}
