// SPDX-License-Identifier: MIT
//
// x under N(output, variance) with one variance for all values, or one for each channel.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/rules/likelihood.h"
#include "kernels/special_functions.h"

namespace vae::rules {

namespace {  // hd.h says why

constexpr double kLogTwoPi = 1.8378770664093454836;

struct Gaussian {
  static constexpr const char* kName = "Gaussian";
  static constexpr int kPerValue = 1;
  static constexpr bool kHasVariance = true;
  static constexpr bool kOfGreyLevels = true;
  static constexpr bool kOf256Levels = false;

  VAE_HD static float inverse_variance(float log_variance) {
    return static_cast<float>(exponential(-static_cast<double>(log_variance)));
  }

  /// Value i belongs to channel i mod `channels`; the inverse variance is that of channel 0.
  VAE_HD static LikelihoodConstants constants(const float* log_variances, int64_t channels,
                                              int64_t width) {
    double sum = 0.0;
    for (int64_t c = 0; c < channels; ++c) sum += kLogTwoPi + log_variances[c];
    return {inverse_variance(log_variances[0]),
            static_cast<float>(-0.5 * static_cast<double>(width / channels) * sum)};
  }

  /// -(x - mean)^2 / (2 variance), slope (x - mean) / variance.
  VAE_HD static ValueTerm<1> term(const float* outputs, float x,
                                  const LikelihoodConstants& constants) {
    const float residual = x - outputs[0];
    return {-0.5f * residual * residual * constants.inverse_variance,
            {residual * constants.inverse_variance}};
  }

  VAE_HD static float mean(const float* outputs) { return outputs[0]; }

  VAE_HD static float draw(const float* outputs, const LikelihoodConstants& constants,
                           double uniform) {
    const float deviation = 1.0f / square_root(constants.inverse_variance);
    return fused_multiply_add(deviation, static_cast<float>(normal_quantile(uniform)), outputs[0]);
  }

  static ValueOutputs<1> output_of(double mean) { return {{mean}}; }

  /// dlog p / dlog variance of a row: minus the quadratic term, which is what log p has beyond its
  /// normalizer, and minus half the width.
  VAE_HD static double log_variance_slope(float log_px, int64_t width,
                                          const LikelihoodConstants& constants) {
    const double quadratic = static_cast<double>(log_px) - constants.normalizer;
    return -quadratic - 0.5 * static_cast<double>(width);
  }

  /// The same of one value, whose term is the quadratic one.
  VAE_HD static double log_variance_slope(const ValueTerm<1>& term) {
    return -static_cast<double>(term.log_p) - 0.5;
  }
};

}  // namespace

}  // namespace vae::rules
