// SPDX-License-Identifier: MIT
//
// log p(x|z) of one pixel value and its derivative with respect to the decoder's output; sums of
// importance weights by their logarithms.
#pragma once

#include <math.h>

#include "kernels/hd.h"
#include "kernels/math.h"

namespace vae {

struct PixelTerm {
  float log_p = 0.0f;
  float slope = 0.0f;  // dlog p / doutput
};

/// x in [0, 1] under a Bernoulli with logit l: l x - max(l, 0) - ln(1 + e^-|l|), slope x -
/// sigma(l).
VAE_HD static inline PixelTerm bernoulli_term(float logit, float x) {
  const float e = exponential_of_minus(absolute(logit));
  const float positive_part = logit < 0.0f ? 0.0f : logit;
  return {fused_multiply_add(logit, x, -positive_part) - log1p_unit(e), x - sigmoid_from(logit, e)};
}

/// x under N(mean, variance), without the normaliser -1/2 ln(2 pi variance).
VAE_HD static inline PixelTerm gaussian_term(float mean, float x, float inverse_variance) {
  const float residual = x - mean;
  return {-0.5f * residual * residual * inverse_variance, residual * inverse_variance};
}

/// exp(max) sum: a sum of weights given by their logarithms, in a range that exp() alone does not
/// have. None yet: {-infinity, 0}. One weight w: {ln w, 1}.
struct WeightSum {
  double max;
  double sum;
};

/// The weights of both: the same bits whichever comes first. A weight of 0, ln w = -infinity, adds
/// nothing, and if there is no other the logarithm of the sum stays -infinity; one infinite weight
/// makes it +infinity, whatever the others are; a NaN makes the sum NaN.
VAE_HD static inline WeightSum merged(const WeightSum& a, const WeightSum& b) {
  const bool b_is_larger = b.max > a.max;
  const double high = b_is_larger ? b.max : a.max, low = b_is_larger ? a.max : b.max;
  const double factor = low == high ? 1.0 : exp(low - high);  // also when both are infinite
  return {high, b_is_larger ? a.sum * factor + b.sum : a.sum + b.sum * factor};
}

}  // namespace vae
