// Responses that Tandem itself makes (RFC 3261 8.2.6), and the mark it puts on the topmost Via of
// what it received (18.2.1, RFC 3581 4).
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "sipcore/build/writer.h"
#include "sipcore/grammar/ip.h"
#include "sipcore/proxy/validate.h"

namespace sipcore {

struct Reply {
  int status = 0;
  std::string_view reason;
  std::string_view to_tag;   // added where the request's To has none; leave empty for 100
  std::string_view headers;  // further header lines, each with CR LF
};

// True where the Via that arrived from `source` must be marked with where it came from.
bool needs_mark(const Via& via, const Endpoint& source);

// Writes the Via value with received and rport set from `source`; whatever the sender claimed in
// them is replaced.
void write_marked_via(Writer& writer, const Via& via, const Endpoint& source);

// Writes the whole response. 0: it does not fit. Needs a decoded topmost Via.
size_t build_reply(const Message& request, const Essentials& essentials, const Endpoint& source,
                   const Reply& reply, std::span<char> out);

// The line that says when to try again (RFC 3261 20.33), written to `room`; empty for 0.
std::string_view retry_after(uint32_t seconds, std::span<char> room);

// What a response says that its request does not: a reason of its own, header lines beside Via,
// From, Call-ID and CSeq (and To, if the request had a tag), a body. Empty if it says nothing of
// its own, else an opaque form of it. nullopt: does not fit.
std::optional<std::string_view> own_part(const Message& response, bool request_has_to_tag,
                                         std::span<char> out);

// The response again, out of its request, which has been repeated, and its own part, made with the
// same `request_has_to_tag`. 0: it does not fit.
size_t rebuild_response(const Message& request, const Essentials& essentials,
                        const Endpoint& source, int status, std::string_view own,
                        bool request_has_to_tag, std::span<char> out);

// Where a response to a request from `source` goes (RFC 3261 18.2.2, RFC 3581 4): always to the
// address the request came from; the port is the one it came from if rport was asked for, else the
// one in sent-by. maddr is not followed: it would let a sender choose a victim.
inline Endpoint reply_target(const Via& via, const Endpoint& source) {
  Endpoint to = source;
  if (!via.has_rport && !via.broken) to.port = via.port != 0 ? via.port : kDefaultPort;
  return to;
}

// "Bad Request" and the like for the codes that Tandem answers with itself.
std::string_view reason_of(int status);

}  // namespace sipcore
