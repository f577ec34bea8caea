#include "perf/load/flood.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace load {
namespace {

constexpr size_t kJunkSize = 100;
constexpr Ip kStrangers = make_ip(198, 18, 128, 0), kDeniedOnes = make_ip(198, 19, 0, 0);

// A walk through all of them in an order that looks like none.
Ip stranger(Ip network, uint64_t number) {
  return network + static_cast<Ip>(number * 0x9e37 % 0x8000);
}

}  // namespace

Flood::Kind Flood::kind_of(const std::string& name) {
  constexpr std::pair<const char*, Kind> kNames[] = {{"junk", Kind::kJunk},
                                                     {"invite", Kind::kInvite},
                                                     {"denied", Kind::kDenied},
                                                     {"scanner", Kind::kScanner},
                                                     {"fragment", Kind::kFragment}};
  for (const auto& [text, kind] : kNames) {
    if (name == text) return kind;
  }
  return Kind::kNone;
}

void Flood::run(uint64_t now_us) {
  if (kind_ == Kind::kNone) return;
  // What could not be sent in time is not made up for: the calls want to be begun.
  uint64_t passed = last_us_ == 0 ? 0 : now_us - last_us_;
  due_ = std::min(due_ + rate_ * static_cast<double>(passed) / 1e6, double{Outlet::kBurst});
  last_us_ = now_us;
  for (; due_ >= 1; due_ -= 1) send_one();
}

void Flood::send_one() {
  char* out = outlet_.begin();
  if (out == nullptr) return;
  uint64_t number = ++sent_;
  if (kind_ == Kind::kJunk) {
    std::memset(out, 'x', kJunkSize);
    return outlet_.commit(kJunkSize, stranger(kStrangers, number));
  }
  const Template& text = kind_ == Kind::kScanner ? texts_.scan : texts_.invite;
  size_t size = static_cast<size_t>(text.write(out, number << 20) - out);
  if (kind_ == Kind::kFragment) size &= ~size_t{7};  // RFC 791: all but the last are like this
  Ip from = stranger(kind_ == Kind::kDenied ? kDeniedOnes : kStrangers, number);
  outlet_.commit(size, from, kind_ == Kind::kFragment);
}

}  // namespace load
