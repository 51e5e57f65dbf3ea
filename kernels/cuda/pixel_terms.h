// SPDX-License-Identifier: MIT
//
// log p(x|z) of quads of pixels, for the likelihood's own kernel and for the epilogue of the
// product that makes its outputs. The terms are those of kernels/likelihood.h.
#pragma once

#include <math.h>

#include <cstddef>
#include <numbers>

#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"
#include "kernels/likelihood.h"
#include "vae/config.h"

namespace vae::cuda {

/// What the Gaussian needs of its variance.
struct GaussianConstants {
  float inverse_variance;
  float normalizer;  // of a row
};

/// For all threads of a block, which wait for one another.
__device__ inline GaussianConstants gaussian_constants(const float* log_variance,  // [1]
                                                       std::size_t width) {
  VAE_SHARED(GaussianConstants, constants, [1]);
  if (threadIdx.x == 0) {
    const double log_var = log_variance[0];
    constants[0].inverse_variance = static_cast<float>(exp(-log_var));
    constants[0].normalizer = static_cast<float>(-0.5 * static_cast<double>(width) *
                                                 (log(2.0 * std::numbers::pi) + log_var));
  }
  __syncthreads();
  return constants[0];
}

/// The sum of log p over the first `remaining` pixels of a quad, without the normalizer. The
/// outputs become the loss's gradient by them, -scale dlog p / doutput.
__device__ inline float quad_log_p(Quad& outputs, const Quad& pixels, std::size_t remaining,
                                   Likelihood likelihood, float inverse_variance, float scale) {
  float sum = 0.0f;
  VAE_UNROLL
  for (std::size_t i = 0; i < 4; ++i) {
    const PixelTerm term = likelihood == Likelihood::gaussian
                               ? gaussian_term(outputs.value[i], pixels.value[i], inverse_variance)
                               : bernoulli_term(outputs.value[i], pixels.value[i]);
    if (i < remaining) sum += term.log_p;
    outputs.value[i] = -scale * term.slope;
  }
  return sum;
}

/// The loss's gradient by log var, -scale dlog p / dlog var summed over rows by one block: of a row
/// it is minus the quadratic term, which is what log p has beyond its normalizer, and minus half
/// the width.
template <int kThreads>
__device__ float log_variance_gradient(const float* log_px, std::size_t rows, std::size_t width,
                                       float normalizer, float scale) {
  double sum = 0.0;
  for (std::size_t row = threadIdx.x; row < rows; row += kThreads) {
    const double quadratic = static_cast<double>(log_px[row]) - normalizer;
    sum += -quadratic - 0.5 * static_cast<double>(width);
  }
  return static_cast<float>(-scale * block_sum<kThreads>(sum));
}

}  // namespace vae::cuda
