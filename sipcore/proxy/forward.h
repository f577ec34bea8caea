// The edits that turn a received message into the forwarded one (RFC 3261 16.6, 16.7 step 3, 9).
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "sipcore/build/edit.h"
#include "sipcore/build/writer.h"
#include "sipcore/proxy/route.h"

namespace sipcore {

// One hop of a request. All views must outlive the edits.
struct Hop {
  std::string_view branch;                  // ours, for the Via
  Endpoint sent_by;                         // the address we send from
  std::span<const Endpoint> record_routes;  // none, one, or two where in and out differ (RFC 5658)
  std::string_view route_token;
  Endpoint source;          // where the request came from
  bool asks_rport = false;  // RFC 3581
};

// Texts that the edits refer to; one per message in the making.
struct ForwardScratch {
  std::array<char, 65536> text;
};

// Fills `edits`. False: the texts do not fit the scratch space (names of absurd length).
bool forward_request(const Message& request, const Essentials& essentials, const RoutePlan& plan,
                     const Hop& hop, ForwardScratch& scratch, EditList& edits);

// RFC 3261 16.7 step 3: below our Via there must be that of the hop before us.
bool has_second_via(const Message& response, const Via& top);

// Removes our own topmost Via. The caller has checked that it is ours.
void forward_response(const Message& response, const Via& top, EditList& edits);

// RFC 3261 16.7 step 7: writes `response` with all challenges of `other`, as they are, behind its
// own header fields. 0: it does not fit `out`, or has more fields than a message may have.
size_t add_challenges(const Message& response, const Message& other, std::span<char> out);

}  // namespace sipcore
