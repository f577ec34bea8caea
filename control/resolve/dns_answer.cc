#include "control/resolve/dns_answer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "sipcore/grammar/chars.h"

namespace control::resolve {
namespace {

constexpr size_t kMostRecords = 512;
constexpr size_t kMostName = 255;  // RFC 1035 2.3.4

// Reads from the front; after a fault everything reads as broken.
class Packet {
 public:
  explicit Packet(std::string_view bytes) : bytes_(bytes) {}

  bool broken() const { return broken_; }
  size_t at() const { return at_; }
  void go_to(size_t at) {
    broken_ |= at > bytes_.size();
    at_ = at;
  }

  uint32_t number(size_t size) {
    std::string_view part = take(size);
    uint32_t out = 0;
    for (char c : part) out = out << 8 | static_cast<uint8_t>(c);
    return out;
  }
  std::string_view take(size_t size) {
    broken_ |= broken_ || size > bytes_.size() - at_;
    if (broken_) return {};
    std::string_view out = bytes_.substr(at_, size);
    at_ += size;
    return out;
  }
  // One of a length before it (RFC 1035 3.3).
  std::string text() {
    std::string out(take(number(1)));
    for (char& c : out) c = sipcore::lower(c);
    return out;
  }
  // RFC 1035 4.1.4: a pointer leads backwards only, so that no name goes round in a circle.
  std::string name() {
    std::string out;
    size_t limit = at_, back = 0;
    while (!broken_) {
      uint32_t size = number(1);
      if (size == 0) break;
      if ((size & 0xc0) == 0xc0) {
        size_t target = (size & 0x3f) << 8 | number(1);
        if (back == 0) back = at_;
        broken_ |= target >= limit;
        limit = target;
        at_ = target;
        continue;
      }
      std::string_view label = take(size);
      broken_ |= size > 63 || out.size() + size + 1 > kMostName;
      if (!out.empty()) out += '.';
      for (char c : label) out += sipcore::lower(c);
    }
    if (back != 0) at_ = back;
    return broken_ ? std::string() : out;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
  bool broken_ = false;
};

bool read_data(Packet& packet, Record& record, size_t size) {
  switch (record.type) {
    case RecordType::kA:
    case RecordType::kAaaa: {
      bool v4 = record.type == RecordType::kA;
      std::string_view bytes = packet.take(size);
      if (size != (v4 ? 4u : 16u) || packet.broken()) return false;
      record.ip.family = v4 ? sipcore::Family::kV4 : sipcore::Family::kV6;
      std::memcpy(record.ip.bytes.data(), bytes.data(), size);
      return true;
    }
    case RecordType::kCname:
      record.target = packet.name();
      return true;
    case RecordType::kSrv:
      record.priority = static_cast<uint16_t>(packet.number(2));
      record.weight = static_cast<uint16_t>(packet.number(2));
      record.port = static_cast<uint16_t>(packet.number(2));
      record.target = packet.name();
      return true;
    case RecordType::kNaptr:
      record.priority = static_cast<uint16_t>(packet.number(2));
      record.weight = static_cast<uint16_t>(packet.number(2));
      record.flags = packet.text();
      record.service = packet.text();
      packet.text();  // a regular expression: not for SIP (RFC 3263 4.1)
      record.target = packet.name();
      return true;
  }
  return false;
}

bool known(uint32_t type) {
  static constexpr std::array<uint32_t, 5> kTypes = {1, 5, 28, 33, 35};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

// One record of any section.
void read_record(Packet& packet, Answer& out) {
  Record record;
  record.name = packet.name();
  uint32_t type = packet.number(2);
  packet.number(2);  // class: we asked for the Internet
  uint32_t ttl = packet.number(4);
  record.ttl_s = ttl > 0x7fffffff ? 0 : ttl;  // RFC 2181 8
  size_t size = packet.number(2), begin = packet.at();
  if (packet.broken()) return;
  if (known(type)) {
    record.type = static_cast<RecordType>(type);
    bool good = read_data(packet, record, size) && packet.at() <= begin + size;
    if (good && !packet.broken()) out.records.push_back(std::move(record));
  }
  packet.go_to(begin + size);
}

}  // namespace

std::optional<Answer> read_answer(std::string_view bytes) {
  Packet packet(bytes);
  packet.number(2), packet.number(2);  // id and flags are the library's business
  uint32_t questions = packet.number(2), records = 0;
  for (int section = 0; section < 3; ++section) records += packet.number(2);
  Answer out;
  for (uint32_t i = 0; i < questions && !packet.broken(); ++i) {
    packet.name();
    packet.number(4);
  }
  for (uint32_t i = 0; i < std::min<uint32_t>(records, kMostRecords) && !packet.broken(); ++i) {
    read_record(packet, out);
  }
  if (packet.broken()) return std::nullopt;
  return out;
}

}  // namespace control::resolve
