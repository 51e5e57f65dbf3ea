// SPDX-License-Identifier: MIT
//
// Importance weights by their logarithms, and their sums. [IWAE eq. 8]
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"

namespace vae {

/// ln of the weight p(x|z) (p(z) / q(z|x))^beta of a sample.
VAE_HD static inline double log_weight(float log_px, float log_ratio, double beta = 1.0) {
  return static_cast<double>(log_px) + beta * log_ratio;
}

/// The weight in units of exp(max). max itself is 1, also where it is infinite.
VAE_HD static inline double relative_weight(double log_w, double max) {
  return log_w == max ? 1.0 : exponential(log_w - max);
}

/// exp(max) sum: a sum of weights given by their logarithms, in a range that exp() alone does not
/// have. None yet: {-infinity, 0}.
struct WeightSum {
  double max;
  double sum;
};

/// The sum and one more weight. Weights are added one at a time, in the order of the samples, so
/// that the sum has the same bits in whatever chunks they come. A weight of 0, ln w = -infinity,
/// adds nothing, and if there is no other the logarithm of the sum stays -infinity; one infinite
/// weight makes it +infinity, whatever the others are; a NaN makes the sum NaN.
VAE_HD static inline WeightSum with_weight(const WeightSum& weights, double log_w) {
  const bool larger = log_w > weights.max;
  const double high = larger ? log_w : weights.max, low = larger ? weights.max : log_w;
  const double factor = relative_weight(low, high);
  return {high, larger ? weights.sum * factor + 1.0 : weights.sum + factor};
}

/// ln of the mean of `samples` weights.
VAE_HD static inline double log_mean(const WeightSum& weights, int64_t samples) {
  return weights.max + (logarithm(weights.sum) - logarithm(static_cast<double>(samples)));
}

}  // namespace vae
