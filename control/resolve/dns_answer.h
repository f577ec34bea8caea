// What a DNS server answered (RFC 1035, 2782, 3403), with the time for which it may be believed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sipcore/grammar/ip.h"

namespace control::resolve {

enum class RecordType : uint16_t { kA = 1, kCname = 5, kAaaa = 28, kSrv = 33, kNaptr = 35 };

struct Record {
  RecordType type = RecordType::kA;
  std::string name;  // lower case, without the last dot
  uint32_t ttl_s = 0;
  sipcore::IpAddress ip;       // A, AAAA
  std::string target;          // CNAME, SRV, and the replacement of NAPTR
  uint16_t priority = 0;       // SRV; order of NAPTR
  uint16_t weight = 0;         // SRV; preference of NAPTR
  uint16_t port = 0;           // SRV
  std::string flags, service;  // NAPTR, lower case
};

struct Answer {
  std::vector<Record> records;  // of all sections; types unknown here are left out
};

// The whole of an answer; nullopt: it is broken.
std::optional<Answer> read_answer(std::string_view packet);

}  // namespace control::resolve
