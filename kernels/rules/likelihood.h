// SPDX-License-Identifier: MIT
//
// What the likelihoods have in common. A likelihood p(x|z) is a rule with
//
//   kName            words for people
//   kPerValue        how many outputs of the decoder a value of x has: those of value i are outputs
//                    kPerValue i .. kPerValue i + kPerValue - 1
//   kHasVariance     whether it has variances beside them, which may be trained
//   kOfGreyLevels    whether x has grey levels, not black and white only
//   kOf256Levels     whether x is one of 256 levels, whose probabilities sum to one
//   constants(log_variances, channels, width)
//                    what all values of a row share
//   term(outputs, x, constants)
//                    of one value: log p, without the normalizer, and its slopes
//   mean(outputs)    E[x|z]
//   draw(outputs, constants, uniform)
//                    the x below which a draw lies with this probability
//   output_of(mean)  outputs with that mean, for the start of a training
//
// and, where kHasVariance, inverse_variance() and the slopes by a logarithm of the variance.
// kernels/rules/likelihoods.h lists them.
#pragma once

#include <cstdint>

#include "kernels/hd.h"

namespace vae {

/// log p of one value and its derivatives with respect to the value's outputs.
template <int kOutputs>
struct ValueTerm {
  float log_p;
  float slope[kOutputs];
};

/// Outputs to start from.
template <int kOutputs>
struct ValueOutputs {
  double output[kOutputs];
};

/// log p of a row is the normalizer plus the sum of its terms. Where each channel has a variance,
/// inverse_variance is that of the value's channel.
struct LikelihoodConstants {
  float inverse_variance;
  float normalizer;
};

/// log p of a value that counts with a weight. Its normalizer is that of a row of it alone.
VAE_HD static inline float weighted_log_p(float weight, float log_p, float normalizer) {
  return weight * (log_p + normalizer);
}

/// The factor of a slope by an output that counts as `limited` wherever it lies beyond. NaN passes
/// so that the step is judged bad.
VAE_HD static inline bool passes_limits(float output, float limited) {
  return output == limited || output != output;
}

}  // namespace vae
