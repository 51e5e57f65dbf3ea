// SPDX-License-Identifier: MIT
//
// x under N(mean, variance), whose mean and log-variance are the value's two outputs. A density of
// levels that are 1 / 255 apart grows without bound as the deviation falls below that, so the
// log-variance counts as clamped: deviations lie between 0.6 levels and far beyond the range.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/rules/gaussian.h"
#include "kernels/rules/likelihood.h"
#include "kernels/special_functions.h"

namespace vae::rules {

namespace {  // hd.h says why

/// x under a Gaussian whose log-variance counts as clamped, without the constant:
/// -((x - mean)^2 / variance + ln variance) / 2, slopes (x - mean) / variance and
/// ((x - mean)^2 / variance - 1) / 2.
VAE_HD static inline ValueTerm<2> normal_term(float mean, float given_log_variance, float x,
                                              float lowest, float highest) {
  const float log_variance = clamped(given_log_variance, lowest, highest);
  const float inverse_variance = exponential(-log_variance);
  const float residual = x - mean;
  const float square = residual * residual * inverse_variance;
  const float slope = fused_multiply_add(0.5f, square, -0.5f);
  return {-0.5f * (square + log_variance),
          {residual * inverse_variance,
           passes_limits(given_log_variance, log_variance) ? slope : 0.0f}};
}

struct PixelGaussian {
  static constexpr const char* kName = "Gaussian, mean and variance of each value from the network";
  static constexpr int kPerValue = 2;
  static constexpr bool kHasVariance = false;
  static constexpr bool kOfGreyLevels = true;
  static constexpr bool kOf256Levels = false;
  static constexpr float kLowest = -12.0f, kHighest = 12.0f;  // of the log-variance

  VAE_HD static LikelihoodConstants constants(const float*, int64_t, int64_t width) {
    return {1.0f, static_cast<float>(-0.5 * static_cast<double>(width) * kLogTwoPi)};
  }

  VAE_HD static ValueTerm<2> term(const float* outputs, float x, const LikelihoodConstants&) {
    return normal_term(outputs[0], outputs[1], x, kLowest, kHighest);
  }

  VAE_HD static float mean(const float* outputs) { return outputs[0]; }

  VAE_HD static float draw(const float* outputs, const LikelihoodConstants&, double uniform) {
    const float deviation = exponential(0.5f * clamped(outputs[1], kLowest, kHighest));
    return fused_multiply_add(deviation, static_cast<float>(normal_quantile(uniform)), outputs[0]);
  }

  /// With a deviation of a quarter of the range.
  static ValueOutputs<2> output_of(double mean) { return {{mean, 2.0 * logarithm(0.25)}}; }
};

}  // namespace

}  // namespace vae::rules
