// SPDX-License-Identifier: MIT
//
// log p(x|z) of quads of pixels, for the likelihood's own kernel and for the epilogue of the
// product that makes its outputs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"
#include "kernels/rules/likelihoods.h"

namespace vae::cuda {

/// For all threads of a block, which wait for one another. `log_variance` is null where the
/// likelihood has none.
template <typename Rule>
__device__ inline LikelihoodConstants constants_of(Rule rule, const float* log_variance,  // [1]
                                                   std::size_t width) {
  if constexpr (!rule.kHasVariance) {
    return rule.constants(0.0, static_cast<int64_t>(width));
  } else {
    VAE_SHARED(LikelihoodConstants, constants, [1]);
    if (threadIdx.x == 0) {
      constants[0] = rule.constants(log_variance[0], static_cast<int64_t>(width));
    }
    __syncthreads();
    return constants[0];
  }
}

/// The sum of log p over the first `remaining` pixels of a quad, without the normalizer. The
/// outputs become the loss's gradient by them, -scale dlog p / doutput.
template <typename Rule>
__device__ inline float quad_log_p(Rule rule, Quad& outputs, const Quad& pixels,
                                   std::size_t remaining, const LikelihoodConstants& constants,
                                   float scale) {
  Quad terms = {};
  VAE_UNROLL
  for (std::size_t i = 0; i < 4; ++i) {
    const PixelTerm term = rule.term(outputs.value[i], pixels.value[i], constants);
    if (i < remaining) terms.value[i] = term.log_p;
    outputs.value[i] = -scale * term.slope;
  }
  return quad_sum(terms);
}

/// The loss's gradient by log var, -scale dlog p / dlog var summed over rows by one block.
template <int kThreads, typename Rule>
__device__ float log_variance_gradient(Rule rule, const float* log_px, std::size_t rows,
                                       std::size_t width, const LikelihoodConstants& constants,
                                       float scale) {
  const double sum = long_sum<kThreads>(rows, [&](std::size_t row) {
    return rule.log_variance_slope(log_px[row], static_cast<int64_t>(width), constants);
  });
  return static_cast<float>(-scale * sum);
}

}  // namespace vae::cuda
