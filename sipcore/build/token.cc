#include "sipcore/build/token.h"

#include <cstring>

#include "sipcore/build/hex.h"
#include "sipcore/build/writer.h"
#include "sipcore/grammar/chars.h"

namespace sipcore {
namespace {

constexpr size_t kCheckSize = 16;
constexpr uint8_t kBranchKind = 'b';  // keeps the check values of the two kinds apart
constexpr uint8_t kRouteKind = 'r';

// Fixed-width fields are taken from the front; after a bad digit everything reads as broken.
class HexReader {
 public:
  explicit HexReader(std::string_view text) : text_(text) {}

  template <size_t kTaken>
  uint64_t take() {
    char digits[kHexDigits];
    std::memset(digits, '0', kHexDigits - kTaken);
    uint64_t value = 0;
    broken_ |= text_.size() - at_ < kTaken;
    if (broken_) return 0;
    std::memcpy(digits + kHexDigits - kTaken, text_.data() + at_, kTaken);
    at_ += kTaken;
    broken_ = !read_hex(digits, value);
    return value;
  }
  bool broken() const { return broken_; }

 private:
  std::string_view text_;
  size_t at_ = 0;
  bool broken_ = false;
};

uint64_t branch_check(const HashKey& key, std::string_view fields) {
  return SipHash(key).add_byte(kBranchKind).add(fields).finish();
}

uint64_t route_check(const HashKey& key, std::string_view fields, std::string_view call_id) {
  return SipHash(key).add_byte(kRouteKind).add(fields).add_byte(0).add(call_id).finish();
}

size_t address_digits(char family) { return family == '4' ? 8 : family == '6' ? 32 : 0; }

void add_endpoint(Writer& writer, const Endpoint& endpoint) {
  const IpAddress& ip = endpoint.ip;
  writer.add(ip.family == Family::kV4 ? "4" : "6");
  for (size_t i = 0; i < ip.size(); i += 4) {
    uint32_t word;
    std::memcpy(&word, &ip.bytes[i], sizeof word);
    writer.add_hex(__builtin_bswap32(word), 8);
  }
  writer.add_hex(endpoint.port, 4);
}

// From the front of `text`. False: none is there.
bool take_endpoint(std::string_view& text, Endpoint& out) {
  size_t digits = text.empty() ? 0 : address_digits(text.front());
  if (digits == 0 || text.size() < 1 + digits + 4) return false;
  HexReader reader(text.substr(1));
  out.ip.family = text.front() == '4' ? Family::kV4 : Family::kV6;
  for (size_t i = 0; i < digits / 8; ++i) {
    uint32_t word = __builtin_bswap32(static_cast<uint32_t>(reader.take<8>()));
    std::memcpy(&out.ip.bytes[4 * i], &word, sizeof word);
  }
  out.port = static_cast<uint16_t>(reader.take<4>());
  text.remove_prefix(1 + digits + 4);
  return !reader.broken();
}

}  // namespace

std::string_view write_branch(const HashKey& key, const BranchToken& token, char* out) {
  Writer writer({out, kBranchSize});
  writer.add(kOwnBranch).add_hex(token.worker, 2).add_hex(token.slot, 8);
  writer.add_hex(token.generation, 8).add_hex(token.loop, 16);
  writer.add_hex(branch_check(key, writer.text().substr(kOwnBranch.size())), kCheckSize);
  return writer.text();
}

TokenStatus read_branch(const HashKey& key, std::string_view text, BranchToken& out) {
  if (text.size() != kBranchSize || !text.starts_with(kOwnBranch)) return TokenStatus::kForeign;
  std::string_view fields = text.substr(kOwnBranch.size());
  HexReader reader(fields);
  out.worker = static_cast<uint8_t>(reader.take<2>());
  out.slot = static_cast<uint32_t>(reader.take<8>());
  out.generation = static_cast<uint32_t>(reader.take<8>());
  out.loop = reader.take<16>();
  uint64_t check = reader.take<kCheckSize>();
  if (reader.broken()) return TokenStatus::kForeign;
  fields.remove_suffix(kCheckSize);
  return check == branch_check(key, fields) ? TokenStatus::kOk : TokenStatus::kForged;
}

std::string_view write_route_token(const HashKey& key, const RouteToken& token,
                                   std::string_view call_id, char* out) {
  Writer writer({out, kRouteTokenMost});
  add_endpoint(writer, token.destination);
  writer.add_hex(token.caller_tag_hash, 8).add_hex(token.caller_address_hash, 8);
  if (!token.caller_listen.ip.none()) add_endpoint(writer, token.caller_listen);
  if (!token.caller_flow.ip.none()) add_endpoint(writer, token.caller_flow);
  writer.add_hex(route_check(key, writer.text(), call_id), kCheckSize);
  return writer.text();
}

TokenStatus read_route_token(const HashKey& key, std::string_view text, std::string_view call_id,
                             RouteToken& out) {
  constexpr size_t kHashes = 8 + 8;
  out = {};
  std::string_view rest = text;
  if (!take_endpoint(rest, out.destination) || rest.size() < kHashes) return TokenStatus::kForeign;
  HexReader hashes(rest);
  out.caller_tag_hash = static_cast<uint32_t>(hashes.take<8>());
  out.caller_address_hash = static_cast<uint32_t>(hashes.take<8>());
  rest.remove_prefix(kHashes);
  for (Endpoint* more : {&out.caller_listen, &out.caller_flow}) {
    if (rest.size() != kCheckSize && !take_endpoint(rest, *more)) return TokenStatus::kForeign;
  }
  if (rest.size() != kCheckSize) return TokenStatus::kForeign;
  HexReader last(rest);
  uint64_t check = last.take<kCheckSize>();
  if (hashes.broken() || last.broken()) return TokenStatus::kForeign;
  text.remove_suffix(kCheckSize);
  return check == route_check(key, text, call_id) ? TokenStatus::kOk : TokenStatus::kForged;
}

}  // namespace sipcore
