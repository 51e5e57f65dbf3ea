// SPDX-License-Identifier: MIT
//
// log p(x|z) of one pixel value and its derivative with respect to the decoder's output.
#pragma once

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

}  // namespace vae
