// SPDX-License-Identifier: MIT
//
// Sums of importance weights by their logarithms. [IWAE eq. 8]
#pragma once

#include "kernels/hd.h"
#include "kernels/math.h"

namespace vae {

/// exp(max) sum: a sum of weights given by their logarithms, in a range that exp() alone does not
/// have. None yet: {-infinity, 0}.
struct WeightSum {
  double max;
  double sum;
};

/// The sum and one more weight p(x, z) / q(z|x). Weights are added one at a time, in the order of
/// the samples, so that the sum has the same bits in whatever chunks they come. A weight of 0,
/// ln w = -infinity, adds nothing, and if there is no other the logarithm of the sum stays
/// -infinity; one infinite weight makes it +infinity, whatever the others are; a NaN makes the sum
/// NaN.
VAE_HD static inline WeightSum with_weight(const WeightSum& weights, float log_px,
                                           float log_ratio) {
  const double log_w = static_cast<double>(log_px) + log_ratio;
  const bool larger = log_w > weights.max;
  const double high = larger ? log_w : weights.max, low = larger ? weights.max : log_w;
  const double factor = low == high ? 1.0 : exponential(low - high);  // also when both are infinite
  return {high, larger ? weights.sum * factor + 1.0 : weights.sum + factor};
}

}  // namespace vae
