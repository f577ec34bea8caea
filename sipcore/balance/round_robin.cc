#include "sipcore/balance/round_robin.h"

#include <algorithm>
#include <numeric>

namespace sipcore {
namespace {

std::vector<int64_t> reduced(std::span<const uint32_t> weights) {
  std::vector<int64_t> out(weights.begin(), weights.end());
  int64_t sum = std::accumulate(out.begin(), out.end(), int64_t{0});
  int64_t divisor = 0;
  for (int64_t weight : out) divisor = std::gcd(divisor, weight);
  if (divisor == 0) return out;
  int64_t most = static_cast<int64_t>(RoundRobin::kMostSteps / 2);
  if (sum / divisor > most) {
    for (int64_t& weight : out)
      weight = weight == 0 ? 0 : std::max<int64_t>(1, weight * most / sum);
    return out;
  }
  for (int64_t& weight : out) weight /= divisor;
  return out;
}

}  // namespace

RoundRobin::RoundRobin(std::span<const uint32_t> weights) : many_(weights.size()) {
  std::vector<int64_t> weight = reduced(weights);
  std::vector<int64_t> credit(weight.size(), 0);
  int64_t sum = std::accumulate(weight.begin(), weight.end(), int64_t{0});
  for (int64_t step = 0; step < sum; ++step) {
    size_t best = 0;
    for (size_t i = 0; i < weight.size(); ++i) {
      credit[i] += weight[i];
      if (credit[i] > credit[best]) best = i;
    }
    credit[best] -= sum;
    steps_.push_back(static_cast<uint16_t>(best));
  }
}

}  // namespace sipcore
