// The highest rate that is still good.
#pragma once

namespace load {

// Doubles from `rate` on until it is too much, then halves the gap to 4 %. What fails once may have
// met a hole in the scheduling of the machine: too much is what fails twice. 0: nothing was good.
template <class Good>
double highest_rate(double rate, Good good) {
  constexpr double kCloseEnough = 0.04, kLeast = 10;
  double most = 0, too_much = 0;
  while (too_much == 0 || (too_much - most) / too_much > kCloseEnough) {
    (good(rate) || good(rate) ? most : too_much) = rate;
    if (most == 0 && rate < kLeast) break;
    rate = too_much == 0 ? 2 * most : most == 0 ? too_much / 2 : (most + too_much) / 2;
  }
  return most;
}

}  // namespace load
