#include "control/trace/hep.h"

#include "control/trace/bytes.h"
#include "sipcore/grammar/message.h"

namespace control::trace {
namespace {

enum class Chunk : uint16_t {
  kFamily = 1,
  kProtocol = 2,
  kSource4 = 3,
  kTarget4 = 4,
  kSource6 = 5,
  kTarget6 = 6,
  kSourcePort = 7,
  kTargetPort = 8,
  kSeconds = 9,
  kMicroseconds = 10,
  kKind = 11,
  kNode = 12,
  kPayload = 15,
  kCorrelation = 17,
};

constexpr uint8_t kFamily4 = 2, kFamily6 = 10;  // AF_INET and AF_INET6 of Linux
constexpr uint8_t kUdp = 17;
constexpr uint8_t kSip = 1;

void add(std::string& out, Chunk type, const std::string& value) {
  out += big_endian(0, 2) + big_endian(static_cast<uint16_t>(type), 2);
  out += big_endian(value.size() + 6, 2) + value;
}

}  // namespace

std::string hep_packet(const Message& message, uint32_t node) {
  bool v4 = message.from.ip.family == sipcore::Family::kV4;
  std::string chunks;
  add(chunks, Chunk::kFamily, big_endian(v4 ? kFamily4 : kFamily6, 1));
  add(chunks, Chunk::kProtocol, big_endian(kUdp, 1));
  add(chunks, v4 ? Chunk::kSource4 : Chunk::kSource6, bytes_of(message.from.ip));
  add(chunks, v4 ? Chunk::kTarget4 : Chunk::kTarget6, bytes_of(message.to.ip));
  add(chunks, Chunk::kSourcePort, big_endian(message.from.port, 2));
  add(chunks, Chunk::kTargetPort, big_endian(message.to.port, 2));
  add(chunks, Chunk::kSeconds, big_endian(message.date_us / 1000000, 4));
  add(chunks, Chunk::kMicroseconds, big_endian(message.date_us % 1000000, 4));
  add(chunks, Chunk::kKind, big_endian(kSip, 1));
  add(chunks, Chunk::kNode, big_endian(node, 4));
  sipcore::Message parsed;
  parsed.parse(message.text);
  std::string_view call_id = parsed.value(sipcore::HeaderName::kCallId);
  if (!call_id.empty()) add(chunks, Chunk::kCorrelation, std::string(call_id));
  add(chunks, Chunk::kPayload, message.text);
  return "HEP3" + big_endian(chunks.size() + 6, 2) + chunks;
}

}  // namespace control::trace
