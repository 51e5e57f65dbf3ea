// SPDX-License-Identifier: MIT
//
// x under N(output, variance) with one variance for all values.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/rules/likelihood.h"

namespace vae::rules {

namespace {  // hd.h says why

struct Gaussian {
  static constexpr bool kHasVariance = true;
  static constexpr bool kOfGreyLevels = true;

  VAE_HD static LikelihoodConstants constants(double log_variance, int64_t width) {
    constexpr double kLogTwoPi = 1.8378770664093454836;
    return {static_cast<float>(exponential(-log_variance)),
            static_cast<float>(-0.5 * static_cast<double>(width) * (kLogTwoPi + log_variance))};
  }

  /// -(x - mean)^2 / (2 variance), slope (x - mean) / variance.
  VAE_HD static PixelTerm term(float mean, float x, const LikelihoodConstants& constants) {
    const float residual = x - mean;
    return {-0.5f * residual * residual * constants.inverse_variance,
            residual * constants.inverse_variance};
  }

  VAE_HD static float mean(float output) { return output; }

  static double output_of(double mean) { return mean; }

  /// dlog p / dlog variance of a row: minus the quadratic term, which is what log p has beyond its
  /// normalizer, and minus half the width.
  VAE_HD static double log_variance_slope(float log_px, int64_t width,
                                          const LikelihoodConstants& constants) {
    const double quadratic = static_cast<double>(log_px) - constants.normalizer;
    return -quadratic - 0.5 * static_cast<double>(width);
  }
};

}  // namespace

}  // namespace vae::rules
