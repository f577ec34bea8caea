// Route pre-processing (RFC 3261 16.4) and what follows from it for the next hop (16.6 step 6, 7).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "sipcore/build/token.h"
#include "sipcore/proxy/validate.h"

namespace sipcore {

// The addresses that Tandem listens on; a URI with one of them as host and port means this node.
struct Self {
  std::span<const Endpoint> listens;
  bool is(const Endpoint& endpoint) const;
};

// Views and offsets into the message.
struct RoutePlan {
  Fault fault = Fault::kNone;
  Uri request_uri;                          // as it leaves, unless `next_is_strict`
  bool uri_from_last_route = false;         // a strict router sent us our own URI: 16.4
  uint32_t popped = 0;                      // values of ours at the front of Route, to be removed
  std::optional<RouteToken> token;          // of the first popped value, its check value verified
  std::optional<NameAddr> next;             // first Route value that stays
  const HeaderField* next_field = nullptr;  // where it stands
  bool next_is_strict = false;              // it has no lr: 16.6 step 6

  // The URI that leads on: that of `next`, else the Request-URI.
  const Uri& way() const { return next ? next->uri : request_uri; }
};

// Reads Route and Request-URI. kBadToken: a Route of ours carries a check value that is not ours;
// kBadRoute: a Route leads where SIP cannot go.
RoutePlan plan_route(const Message& request, const Essentials& essentials, const Self& self,
                     const HashKey& key);

// The endpoint that a sip URI names by address; nullopt for host names and other schemes.
std::optional<Endpoint> literal_endpoint(const Uri& uri);

// Whether a Request-URI is an address of ours and nobody behind it (RFC 3261 11.2).
bool addressed_to(const Uri& request_uri, const Self& self);

// Hash of everything that decides where a request goes (RFC 3261 16.6 step 8, RFC 5393 4.2): equal
// when a request comes back unchanged, different when it was retargeted in between.
uint64_t loop_hash(const Message& request, const Essentials& essentials, const RoutePlan& plan,
                   const HashKey& key);

// True when one of the Via values is ours, by the key of our branches, and carries this loop hash.
bool is_loop(const Message& request, uint64_t hash, const HashKey& branch_key);

// 32 bits that tell the caller's From tag from the callee's, for RouteToken.
uint32_t tag_hash(std::string_view tag, const HashKey& key);

// 32 bits that stand for the address the dialog's first request came from, for RouteToken.
uint32_t address_hash(const IpAddress& ip, const HashKey& key);

}  // namespace sipcore
