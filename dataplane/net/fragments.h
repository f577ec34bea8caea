// Putting IP fragments together and cutting datagrams into them (RFC 791, RFC 8200 4.5).
//
// A datagram is collected in a large packet; pieces must be whole, non-overlapping and inside
// 65,535 bytes: an overlap throws the whole datagram away (RFC 5722, and for IPv4 as well, since no
// honest sender makes one); a piece that the network doubled is ignored (RFC 8200 4.5). The number
// of datagrams in the making and their age are bounded: where there is no room the oldest goes.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/net/headers.h"

namespace dataplane {

class Reassembly {
 public:
  static constexpr uint64_t kPatienceMs = 3000;  // for the rest of a datagram
  static constexpr size_t kMostPieces = 64;

  // At most `datagrams` at a time, in packets of `large`.
  Reassembly(size_t datagrams, PacketPool& large);
  ~Reassembly();

  // Takes over `packet`. On fragment_stored the datagram is not whole yet; on kFates `whole` is a
  // packet of the caller's with the IP payload in it and `info` says where; anything else names why
  // the fragment, with what was collected, was thrown away.
  control::link::Count add(Packet* packet, NetInfo& info, uint64_t now_ms, Packet*& whole);

  size_t collecting() const;
  // Datagrams given up since the last call: too old, or the oldest when room was needed.
  uint64_t take_given_up() { return std::exchange(given_up_, 0); }

 private:
  struct Piece {
    uint32_t begin, end;
  };
  struct Datagram {
    Packet* packet = nullptr;  // nullptr: this place is free
    sipcore::IpAddress source, target;
    uint32_t id = 0;
    uint64_t since_ms = 0;
    uint32_t total = 0;  // known once the last piece is here
    uint32_t have = 0;
    std::vector<Piece> pieces;
  };

  enum class Placed : uint8_t { kYes, kDoubled, kWrong };
  Datagram* find(const NetInfo& info, uint64_t now_ms);
  Placed place(Datagram& datagram, const Packet& packet, const NetInfo& info);
  void forget(Datagram& datagram);

  std::vector<Datagram> datagrams_;
  PacketPool& large_;
  uint64_t given_up_ = 0;
};

// Cuts a packet with complete headers, longer than the MTU, into fragments from `small`, which are
// appended to `out`. False: no memory, and nothing was appended. The packet stays the caller's.
bool cut(const Packet& packet, uint32_t mtu, uint32_t id, PacketPool& small,
         std::vector<Packet*>& out);

}  // namespace dataplane
