// SPDX-License-Identifier: MIT
//
// A class t of `classes` under a softmax of as many neighbouring logits. A target that is no class,
// `classes` or more, was not observed: it adds nothing and has no gradient.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/math_double.h"

namespace vae::rules {

namespace {  // hd.h says why

struct Categorical {
  /// Of the logits: the largest one, and the sum of e^(logit - largest) in their order.
  struct Softmax {
    float largest;
    double sum;
  };

  VAE_HD static Softmax softmax(const float* logits, int64_t classes) {
    float largest = logits[0];
    for (int64_t j = 1; j < classes; ++j) largest = logits[j] > largest ? logits[j] : largest;
    double sum = 0.0;
    for (int64_t j = 0; j < classes; ++j) sum += exponential_of_minus(largest - logits[j]);
    return {largest, sum};
  }

  VAE_HD static float log_p(float logit_of_target, const Softmax& softmax) {
    return static_cast<float>(static_cast<double>(logit_of_target) - softmax.largest -
                              logarithm(softmax.sum));
  }

  VAE_HD static float probability(float logit, const Softmax& softmax) {
    return static_cast<float>(exponential_of_minus(softmax.largest - logit) / softmax.sum);
  }

  /// dlog p / dlogit.
  VAE_HD static float slope(float logit, bool is_target, const Softmax& softmax) {
    return (is_target ? 1.0f : 0.0f) - probability(logit, softmax);
  }

  /// The first class up to which the probabilities reach `uniform`.
  VAE_HD static int64_t draw(const float* logits, int64_t classes, double uniform) {
    const Softmax all = softmax(logits, classes);
    const double wanted = uniform * all.sum;
    double sum = 0.0;
    int64_t drawn = 0;
    for (int64_t j = 0; j + 1 < classes; ++j) {
      sum += exponential_of_minus(all.largest - logits[j]);
      drawn += sum < wanted ? 1 : 0;
    }
    return drawn;
  }
};

}  // namespace

}  // namespace vae::rules
