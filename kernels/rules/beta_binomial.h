// SPDX-License-Identifier: MIT
//
// x is one of 256 levels: the number of successes in 255 trials with a common chance, drawn from
// Beta(alpha, beta). The logarithms of alpha and beta are the value's two outputs.
// [Townsend et al. 2019, BB-ANS, section 3.2]
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/math_double.h"
#include "kernels/rules/levels.h"
#include "kernels/rules/likelihood.h"
#include "kernels/special_functions.h"

namespace vae::rules {

namespace {  // hd.h says why

struct BetaBinomial {
  static constexpr const char* kName =
      "beta-binomial of 256 levels, alpha and beta of each value from the network";
  static constexpr int kPerValue = 2;
  static constexpr bool kHasVariance = false;
  static constexpr bool kOfGreyLevels = true;
  static constexpr bool kOf256Levels = true;
  /// Of ln alpha and ln beta. Beyond it differences of ln Gamma lose their digits, and the
  /// distributions are those of single levels and of binomials as far as floats can tell.
  static constexpr float kLowest = -12.0f, kHighest = 12.0f;
  static constexpr int kTrials = kHighestLevel;

  VAE_HD static LikelihoodConstants constants(const float*, int64_t, int64_t) {
    return {1.0f, 0.0f};
  }

  VAE_HD static double exponential_of(float output) {
    return exponential(static_cast<double>(clamped(output, kLowest, kHighest)));
  }

  /// ln (n over k) + ln B(k + alpha, n - k + beta) - ln B(alpha, beta), B the beta function.
  VAE_HD static ValueTerm<2> term(const float* outputs, float x, const LikelihoodConstants&) {
    constexpr double kLogFactorial = 1161.7121011184006508;  // ln 255!
    const double alpha = exponential_of(outputs[0]), beta = exponential_of(outputs[1]);
    const double successes = level_of(x), failures = kTrials - successes;
    const double both = alpha + beta;
    const double choices = kLogFactorial - log_gamma(successes + 1.0) - log_gamma(failures + 1.0);
    const double log_p = choices + (log_gamma(successes + alpha) - log_gamma(alpha)) +
                         (log_gamma(failures + beta) - log_gamma(beta)) -
                         (log_gamma(kTrials + both) - log_gamma(both));
    const double of_all = digamma(kTrials + both) - digamma(both);
    const double by_alpha = digamma(successes + alpha) - digamma(alpha) - of_all;
    const double by_beta = digamma(failures + beta) - digamma(beta) - of_all;
    return {static_cast<float>(log_p),
            {slope(outputs[0], alpha, by_alpha), slope(outputs[1], beta, by_beta)}};
  }

  VAE_HD static float mean(const float* outputs) {
    const double alpha = exponential_of(outputs[0]);
    return static_cast<float>(alpha / (alpha + exponential_of(outputs[1])));
  }

  /// Level by level from that end which is the more probable one: its probability is at least
  /// 2^-255, and each further one follows by a ratio.
  VAE_HD static float draw(const float* outputs, const LikelihoodConstants&, double uniform) {
    const double alpha = exponential_of(outputs[0]), beta = exponential_of(outputs[1]);
    const bool from_above = alpha > beta;
    const double a = from_above ? beta : alpha, b = from_above ? alpha : beta;
    const double below = from_above ? 1.0 - uniform : uniform;
    double p = 1.0;
    for (int i = 0; i < kTrials; ++i) p *= (b + i) / (a + b + i);
    double sum = p;
    int steps = 0;
    for (int k = 0; k < kTrials; ++k) {
      steps += sum < below ? 1 : 0;
      p *= (kTrials - k) * (k + a) / ((k + 1) * (kTrials - k - 1 + b));
      sum += p;
    }
    const float x = value_of_level(from_above ? kTrials - steps : steps);
    return sum == sum ? x : static_cast<float>(sum);
  }

  /// With alpha + beta = 2, as the uniform distribution has, of a mean kept from 0 and 1.
  static ValueOutputs<2> output_of(double mean) {
    const double p = clamped(mean, 1e-3, 1.0 - 1e-3);
    return {{logarithm(2.0 * p), logarithm(2.0 * (1.0 - p))}};
  }

 private:
  VAE_HD static float slope(float output, double exponential, double slope) {
    const bool passes = passes_limits(output, clamped(output, kLowest, kHighest));
    return passes ? static_cast<float>(exponential * slope) : 0.0f;
  }
};

}  // namespace

}  // namespace vae::rules
