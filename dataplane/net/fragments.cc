#include "dataplane/net/fragments.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"

namespace dataplane {
namespace {

using control::link::Count;

constexpr uint32_t kMostPayload = 65535;

void write16(char* p, uint32_t value) {
  p[0] = static_cast<char>(value >> 8);
  p[1] = static_cast<char>(value);
}

void seal_ipv4(char* header) {
  header[10] = header[11] = 0;
  uint16_t sum = checksum_fold(checksum_add(0, header, kIpv4Size));
  std::memcpy(header + 10, &sum, sizeof sum);
}

// The headers of one fragment before `size` bytes that begin at `offset` of the IP payload.
void write_fragment_headers(Packet& piece, const char* link_and_ip, bool v4, uint32_t offset,
                            bool more, uint32_t id) {
  uint32_t size = piece.size;
  uint32_t added = kEthernetSize + (v4 ? kIpv4Size : kIpv6Size + kFragmentHeaderSize);
  piece.begin -= added;
  piece.size += added;
  char* p = piece.data();
  std::memcpy(p, link_and_ip, kEthernetSize + (v4 ? kIpv4Size : kIpv6Size));
  char* ip = p + kEthernetSize;
  if (v4) {
    write16(ip + 2, kIpv4Size + size);
    write16(ip + 4, id);
    write16(ip + 6, offset / 8 | (more ? 0x2000U : 0U));
    seal_ipv4(ip);
    return;
  }
  write16(ip + 4, kFragmentHeaderSize + size);
  char* extension = ip + kIpv6Size;
  extension[0] = ip[6];
  extension[1] = 0;
  ip[6] = 44;
  write16(extension + 2, offset | (more ? 1U : 0U));
  write16(extension + 4, id >> 16);
  write16(extension + 6, id);
}

}  // namespace

Reassembly::Reassembly(size_t datagrams, PacketPool& large) : datagrams_(datagrams), large_(large) {
  for (Datagram& datagram : datagrams_) datagram.pieces.reserve(kMostPieces);
}

Reassembly::~Reassembly() {
  for (Datagram& datagram : datagrams_) forget(datagram);
}

size_t Reassembly::collecting() const {
  return static_cast<size_t>(std::count_if(datagrams_.begin(), datagrams_.end(),
                                           [](const Datagram& d) { return d.packet != nullptr; }));
}

void Reassembly::forget(Datagram& datagram) {
  if (datagram.packet != nullptr) release(datagram.packet);
  datagram.packet = nullptr;
  datagram.pieces.clear();
  datagram.total = datagram.have = 0;
}

// The datagram this piece belongs to, or a place for it; the too old ones make room, and the
// oldest.
Reassembly::Datagram* Reassembly::find(const NetInfo& info, uint64_t now_ms) {
  Datagram* free = nullptr;
  Datagram* oldest = &datagrams_.front();
  for (Datagram& datagram : datagrams_) {
    if (datagram.since_ms < oldest->since_ms) oldest = &datagram;
    if (datagram.packet != nullptr && now_ms - datagram.since_ms > kPatienceMs) {
      forget(datagram);
      ++given_up_;
    }
    if (datagram.packet == nullptr) {
      free = &datagram;
    } else if (datagram.id == info.fragment.id && datagram.source == info.source.ip &&
               datagram.target == info.target.ip) {
      return &datagram;
    }
  }
  if (free == nullptr) {
    forget(*oldest);
    ++given_up_;
    free = oldest;
  }
  free->packet = large_.take();
  if (free->packet == nullptr) return nullptr;
  free->source = info.source.ip;
  free->target = info.target.ip;
  free->id = info.fragment.id;
  free->since_ms = now_ms;
  return free;
}

Reassembly::Placed Reassembly::place(Datagram& datagram, const Packet& packet,
                                     const NetInfo& info) {
  uint32_t begin = info.fragment.offset;
  uint32_t end = begin + info.ip_payload_size;
  bool whole_units = !info.fragment.more || info.ip_payload_size % 8 == 0;
  const char* bytes = packet.bytes().data() + info.ip_payload;
  char* where = datagram.packet->buffer + kHeadroom + begin;
  if (info.ip_payload_size == 0 || !whole_units || end > kMostPayload) return Placed::kWrong;
  for (const Piece& piece : datagram.pieces) {
    bool same = begin == piece.begin && end == piece.end;
    if (same && std::memcmp(where, bytes, end - begin) == 0) return Placed::kDoubled;
  }
  if (datagram.pieces.size() == kMostPieces) return Placed::kWrong;
  if (datagram.total != 0 && (end > datagram.total || !info.fragment.more)) return Placed::kWrong;
  for (const Piece& piece : datagram.pieces) {
    if (begin < piece.end && piece.begin < end) return Placed::kWrong;
    if (!info.fragment.more && piece.end > end) return Placed::kWrong;
  }
  if (!info.fragment.more) datagram.total = end;
  datagram.pieces.push_back({begin, end});
  datagram.have += end - begin;
  std::memcpy(where, bytes, info.ip_payload_size);
  return Placed::kYes;
}

Count Reassembly::add(Packet* packet, NetInfo& info, uint64_t now_ms, Packet*& whole) {
  Datagram* datagram = find(info, now_ms);
  if (datagram == nullptr) {
    release(packet);
    return Count::drop_fragment_full;
  }
  Placed placed = place(*datagram, *packet, info);
  uint16_t port = packet->port;
  bool trusted = packet->checksum_ok;
  release(packet);
  if (placed == Placed::kWrong) forget(*datagram);
  if (placed != Placed::kYes) return Count::drop_fragment;
  if (datagram->total == 0 || datagram->have != datagram->total) return Count::fragment_stored;
  whole = datagram->packet;
  whole->begin = kHeadroom;
  whole->size = datagram->total;
  whole->port = port;
  whole->checksum_ok = trusted;
  info.is_fragment = false;
  info.ip_payload = 0;
  info.ip_payload_size = datagram->total;
  datagram->packet = nullptr;
  forget(*datagram);
  return Count::kFates;
}

bool cut(const Packet& packet, uint32_t mtu, uint32_t id, PacketPool& small,
         std::vector<Packet*>& out) {
  const char* bytes = packet.bytes().data();
  bool v4 = static_cast<uint8_t>(bytes[kEthernetSize]) >> 4 == 4;
  uint32_t front = kEthernetSize + (v4 ? kIpv4Size : kIpv6Size);
  uint32_t payload = packet.size - front;
  uint32_t header = v4 ? kIpv4Size : kIpv6Size + kFragmentHeaderSize;
  uint32_t step = std::min(mtu - header, kSmallPacket - header - kEthernetSize) & ~7U;
  size_t before = out.size();
  for (uint32_t offset = 0; offset < payload; offset += step) {
    Packet* piece = small.take();
    if (piece == nullptr) {
      for (; out.size() > before; out.pop_back()) release(out.back());
      return false;
    }
    piece->size = std::min(step, payload - offset);
    std::memcpy(piece->data(), bytes + front + offset, piece->size);
    write_fragment_headers(*piece, bytes, v4, offset, offset + step < payload, id);
    out.push_back(piece);
  }
  return true;
}

}  // namespace dataplane
