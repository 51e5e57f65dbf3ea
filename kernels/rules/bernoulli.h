// SPDX-License-Identifier: MIT
//
// x in [0, 1] under a Bernoulli whose logit is the output.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/rules/likelihood.h"

namespace vae::rules {

namespace {  // hd.h says why

struct Bernoulli {
  static constexpr const char* kName = "Bernoulli from logits";
  static constexpr int kPerValue = 1;
  static constexpr bool kHasVariance = false;
  static constexpr bool kOfGreyLevels = false;
  static constexpr bool kOf256Levels = false;

  VAE_HD static LikelihoodConstants constants(const float*, int64_t, int64_t) {
    return {1.0f, 0.0f};
  }

  /// l x - max(l, 0) - ln(1 + e^-|l|), slope x - sigma(l).
  VAE_HD static ValueTerm<1> term(const float* outputs, float x, const LikelihoodConstants&) {
    const float logit = outputs[0];
    const float e = exponential_of_minus(absolute(logit));
    const float positive_part = logit < 0.0f ? 0.0f : logit;
    return {fused_multiply_add(logit, x, -positive_part) - log1p_unit(e),
            {x - sigmoid_from(logit, e)}};
  }

  VAE_HD static float mean(const float* outputs) { return sigmoid(outputs[0]); }

  /// White where the uniform number lies above the probability of black, 1 - p = sigma(-l).
  VAE_HD static float draw(const float* outputs, const LikelihoodConstants&, double uniform) {
    const double black = sigmoid(-outputs[0]);
    return uniform > black ? 1.0f : (uniform <= black ? 0.0f : outputs[0]);
  }

  /// Of a mean kept from 0 and 1, which would ask for infinite logits.
  static ValueOutputs<1> output_of(double mean) {
    constexpr double kMargin = 1e-3;
    const double raised = mean < kMargin ? kMargin : mean;
    const double p = raised > 1.0 - kMargin ? 1.0 - kMargin : raised;
    return {{logarithm(p / (1.0 - p))}};
  }
};

}  // namespace

}  // namespace vae::rules
