// What Tandem writes about itself into messages so that it needs no search when they come back.
//
// Branch of our Via:      z9hG4bK t WW SSSSSSSS GGGGGGGG LLLLLLLLLLLLLLLL MMMMMMMMMMMMMMMM
//                         cookie    |  slot     generation loop hash      check value
//                                   worker
// Route parameter:        4 AAAAAAAA PPPP TTTTTTTT CCCCCCCC MMMMMMMMMMMMMMMM  (6: IPv6)
//                         | address  port caller's tag hash and address hash
//                         family of the destination that got the call
//                         and behind C, where the caller knows us by another address, family,
//                         address and port of ours, and of the balancer that he is reached by
//
// All fields are lower case hex. The check value is a keyed hash over the fields, for a Route also
// over the Call-ID, so that a token cannot be made up, altered or carried into another call. It is
// compared before anything else of a token is believed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "sipcore/grammar/ip.h"
#include "sipcore/hash/siphash.h"

namespace sipcore {

// Names one client transaction. A slot is used again with a higher generation.
struct BranchToken {
  uint8_t worker = 0;
  uint32_t slot = 0;
  uint32_t generation = 0;
  uint64_t loop = 0;  // RFC 3261 16.6 step 8, RFC 5393: hash of what routing depends on
  friend bool operator==(const BranchToken&, const BranchToken&) = default;
};

// Names the destination of a dialog, which side of it sent the dialog's first request, and whence.
struct RouteToken {
  Endpoint destination;
  uint32_t caller_tag_hash = 0;
  uint32_t caller_address_hash = 0;
  // The address of ours that what goes to the caller is sent from, where he is behind a balancer or
  // NAT that knows us by another one. None: whichever leads there.
  Endpoint caller_listen;
  // Where it is sent, for the balancer that his call came by to hand on (like a flow of RFC 5626);
  // with `caller_listen`. None: as his Contact says.
  Endpoint caller_flow;
  friend bool operator==(const RouteToken&, const RouteToken&) = default;
};

enum class TokenStatus : uint8_t {
  kOk,
  kForeign,  // does not have our form: somebody else's
  kForged,   // has our form but not our check value: made up, or of a node with another key
};

// How a branch of ours begins; what follows is believed only with the right check value.
inline constexpr std::string_view kOwnBranch = "z9hG4bKt";
inline constexpr size_t kBranchSize = 8 + 2 + 8 + 8 + 16 + 16;
inline constexpr size_t kRouteTokenMost = 3 * (1 + 32 + 4) + 8 + 8 + 16;

// `out` holds at least kBranchSize, kRouteTokenMost bytes; the text written is returned.
std::string_view write_branch(const HashKey& key, const BranchToken& token, char* out);
std::string_view write_route_token(const HashKey& key, const RouteToken& token,
                                   std::string_view call_id, char* out);

TokenStatus read_branch(const HashKey& key, std::string_view text, BranchToken& out);
TokenStatus read_route_token(const HashKey& key, std::string_view text, std::string_view call_id,
                             RouteToken& out);

}  // namespace sipcore
