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

/// The outputs of four neighbouring values, or the slopes by them: kPerValue quads.
template <int kPerValue>
struct ValueQuad {
  float output[4 * kPerValue];
};

/// Those of values 0 to 3 at `outputs`, of which `remaining` are there.
template <int kPerValue>
__device__ inline ValueQuad<kPerValue> load_values(const float* outputs, std::size_t remaining,
                                                   bool aligned) {
  ValueQuad<kPerValue> values;
  const std::size_t count = kPerValue * remaining;
  VAE_UNROLL
  for (std::size_t first = 0; first < 4 * kPerValue; first += 4) {
    const Quad quad = first < count ? load_quad(outputs + first, count - first, aligned) : Quad{};
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) values.output[first + i] = quad.value[i];
  }
  return values;
}

/// The counterpart of load_values().
template <int kPerValue>
__device__ inline void store_values(float* outputs, const ValueQuad<kPerValue>& values,
                                    std::size_t remaining, bool aligned) {
  const std::size_t count = kPerValue * remaining;
  VAE_UNROLL
  for (std::size_t first = 0; first < 4 * kPerValue; first += 4) {
    Quad quad;
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) quad.value[i] = values.output[first + i];
    if (first < count) store_quad(outputs + first, quad, count - first, aligned);
  }
}

/// What the values of a row are computed with: with a normalizer of each where they have weights.
template <typename Rule, bool kWeighted = false>
struct RowConstants {
  LikelihoodConstants shared;
  const float* log_variances;  // [channels]; unused by likelihoods without
  std::size_t channels;

  __device__ LikelihoodConstants of_value(std::size_t value) const {
    LikelihoodConstants constants = shared;
    if constexpr (Rule::kHasVariance) {
      if (channels > 1) {
        const float* const own = log_variances + value % channels;
        if constexpr (kWeighted) return Rule::constants(own, 1, 1);
        constants.inverse_variance = Rule::inverse_variance(*own);
      }
    }
    return constants;
  }
};

/// For all threads of a block, which wait for one another.
template <bool kWeighted = false, typename Rule>
__device__ inline RowConstants<Rule, kWeighted> constants_of(Rule rule, const float* log_variances,
                                                             std::size_t channels,
                                                             std::size_t width) {
  const auto count = kWeighted ? 1 : static_cast<int64_t>(channels);
  const auto values = kWeighted ? 1 : static_cast<int64_t>(width);
  if constexpr (!rule.kHasVariance) {
    return {rule.constants(log_variances, count, values), log_variances, channels};
  } else {
    VAE_SHARED(LikelihoodConstants, constants, [1]);
    if (threadIdx.x == 0) constants[0] = rule.constants(log_variances, count, values);
    __syncthreads();
    return {constants[0], log_variances, channels};
  }
}

/// The sum of log p over the first `remaining` values of a quad, of which the first is `value` of
/// its row, without the normalizer. The outputs become the loss's gradient by them, -scale dlog p /
/// doutput. `weights` are read where values have some; log p has their normalizers then.
template <typename Rule, bool kWeighted>
__device__ inline float quad_log_p(Rule rule, ValueQuad<Rule::kPerValue>& outputs,
                                   const Quad& pixels, const Quad& weights, std::size_t value,
                                   std::size_t remaining,
                                   const RowConstants<Rule, kWeighted>& constants, float scale) {
  constexpr int kPerValue = Rule::kPerValue;
  Quad terms = {};
  VAE_UNROLL
  for (std::size_t i = 0; i < 4; ++i) {
    float* const own = outputs.output + kPerValue * i;
    const LikelihoodConstants of_value = constants.of_value(value + i);
    const auto term = rule.term(own, pixels.value[i], of_value);
    float log_p = term.log_p, own_scale = scale;
    if constexpr (kWeighted) {
      log_p = weighted_log_p(weights.value[i], log_p, of_value.normalizer);
      own_scale = scale * weights.value[i];
    }
    if (i < remaining) terms.value[i] = log_p;
    VAE_UNROLL
    for (int j = 0; j < kPerValue; ++j) own[j] = -own_scale * term.slope[j];
  }
  return quad_sum(terms);
}

/// The loss's gradient by the one log var, -scale w dlog p / dlog var summed over rows by one
/// block; without `weights` w is 1.
template <int kThreads, typename Rule>
__device__ float log_variance_gradient(Rule rule, const float* log_px, const float* weights,
                                       std::size_t rows, std::size_t width,
                                       const LikelihoodConstants& constants, float scale) {
  const double sum = long_sum<kThreads>(rows, [&](std::size_t row) {
    const double slope =
        rule.log_variance_slope(log_px[row], static_cast<int64_t>(width), constants);
    return weights != nullptr ? weights[row] * slope : slope;
  });
  return static_cast<float>(-scale * sum);
}

}  // namespace vae::cuda
