// SPDX-License-Identifier: MIT
//
// x is one of 256 levels: that whose bin a draw of a logistic distribution falls into, where the
// bins of levels 0 and 255 reach to infinity. Location and logarithm of the scale, in units of x,
// are the value's two outputs. [Salimans et al. 2017, PixelCNN++, eq. 2]
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/math_double.h"
#include "kernels/rules/levels.h"
#include "kernels/rules/likelihood.h"

namespace vae::rules {

namespace {  // hd.h says why

struct DiscretisedLogistic {
  static constexpr const char* kName =
      "discretised logistic of 256 levels, location and scale of each value from the network";
  static constexpr int kPerValue = 2;
  static constexpr bool kHasVariance = false;
  static constexpr bool kOfGreyLevels = true;
  static constexpr bool kOf256Levels = true;
  static constexpr float kLowest = -8.0f, kHighest = 8.0f;  // of the log-scale: 1/12 of a level

  VAE_HD static LikelihoodConstants constants(const float*, int64_t, int64_t) {
    return {1.0f, 0.0f};
  }

  /// With a bin from a to b, in scales from the location, and w = b - a:
  ///   ln(sigma(b) - sigma(a)) = ln sigma(b) + ln sigma(-a) + ln(1 - e^-w)
  /// in which nothing cancels. At the bottom only the first is there, at the top the second.
  VAE_HD static ValueTerm<2> term(const float* outputs, float x, const LikelihoodConstants&) {
    const float log_scale = clamped(outputs[1], kLowest, kHighest);
    const double inverse_scale = exponential(-static_cast<double>(log_scale));
    const double level = level_of(x);
    const bool has_lower = !(level <= 0.0), has_upper = !(level >= kHighestLevel);
    const bool has_both = has_lower && has_upper;
    const double location = outputs[0];
    const double a = ((level - 0.5) / kHighestLevel - location) * inverse_scale;
    const double b = ((level + 0.5) / kHighestLevel - location) * inverse_scale;
    const double w = inverse_scale / kHighestLevel;
    const double exp_a = exponential(-absolute(a)), exp_b = exponential(-absolute(b));
    const double exp_w = exponential(-w);

    const double numerator = has_both ? 1.0 - exp_w : 1.0;
    const double divisor = (has_lower ? 1.0 + exp_a : 1.0) * (has_upper ? 1.0 + exp_b : 1.0);
    const double log_p = logarithm(numerator / divisor) + (has_lower && !(a < 0.0) ? -a : 0.0) +
                         (has_upper && !(b > 0.0) ? b : 0.0);

    // d ln sigma(-a) / da = -sigma(a), d ln sigma(b) / db = sigma(-b)
    const double lower = has_lower ? (a < 0.0 ? exp_a : 1.0) / (1.0 + exp_a) : 0.0;
    const double upper = has_upper ? (b > 0.0 ? exp_b : 1.0) / (1.0 + exp_b) : 0.0;
    const double by_location = (lower - upper) * inverse_scale;
    const double by_log_scale = a * lower - b * upper - (has_both ? w * exp_w / numerator : 0.0);
    return {static_cast<float>(log_p),
            {static_cast<float>(by_location),
             passes_limits(outputs[1], log_scale) ? static_cast<float>(by_log_scale) : 0.0f}};
  }

  /// sum over k = 1 .. 255 of P(level >= k), over 255.
  VAE_HD static float mean(const float* outputs) {
    const float inverse_scale = exponential(-clamped(outputs[1], kLowest, kHighest));
    float sum = 0.0f;
    for (int k = 1; k <= kHighestLevel; ++k) {
      const float edge = (static_cast<float>(k) - 0.5f) / static_cast<float>(kHighestLevel);
      sum += sigmoid((outputs[0] - edge) * inverse_scale);
    }
    return sum / static_cast<float>(kHighestLevel);
  }

  VAE_HD static float draw(const float* outputs, const LikelihoodConstants&, double uniform) {
    const double scale = exponential(static_cast<double>(clamped(outputs[1], kLowest, kHighest)));
    const double logit = logarithm(uniform / (1.0 - uniform));
    return value_of_level(level_of(outputs[0] + scale * logit));
  }

  /// With a scale that gives about the deviation of a uniform distribution.
  static ValueOutputs<2> output_of(double mean) { return {{mean, -2.0}}; }
};

}  // namespace

}  // namespace vae::rules
