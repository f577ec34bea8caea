// The status codes that are counted each for itself: those of IANA's registry. What else peers
// invent counts as its class, so that what is counted stays bounded.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace control::link {

inline constexpr std::array<uint16_t, 75> kCodes = {
    100, 180, 181, 182, 183, 199, 200, 202, 204, 300, 301, 302, 305, 380, 400, 401, 402, 403, 404,
    405, 406, 407, 408, 410, 412, 413, 414, 415, 416, 417, 420, 421, 422, 423, 424, 425, 428, 429,
    430, 433, 436, 437, 438, 439, 440, 469, 470, 480, 481, 482, 483, 484, 485, 486, 487, 488, 489,
    491, 493, 494, 500, 501, 502, 503, 504, 505, 513, 555, 580, 600, 603, 604, 606, 607, 608};

inline constexpr size_t kCodeClasses = 7;  // 0xx, which is never seen, to 6xx
inline constexpr size_t kCodePlaces = kCodes.size() + kCodeClasses;

namespace detail {
constexpr std::array<uint8_t, 700> make_code_places() {
  std::array<uint8_t, 700> places{};
  for (size_t code = 0; code < places.size(); ++code) {
    places[code] = static_cast<uint8_t>(kCodes.size() + code / 100);
  }
  for (size_t i = 0; i < kCodes.size(); ++i) places[kCodes[i]] = static_cast<uint8_t>(i);
  return places;
}
inline constexpr std::array<uint8_t, 700> kCodePlaceOf = make_code_places();
}  // namespace detail

// Of a status from 100 to 699.
constexpr size_t code_place(int status) {
  return detail::kCodePlaceOf[static_cast<size_t>(status)];
}

// "486", or "4xx" for the others of that class.
inline std::string code_name(size_t place) {
  if (place < kCodes.size()) return std::to_string(kCodes[place]);
  return std::to_string(place - kCodes.size()) + "xx";
}

}  // namespace control::link
