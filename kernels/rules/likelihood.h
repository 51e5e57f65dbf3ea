// SPDX-License-Identifier: MIT
//
// What the likelihoods have in common. A likelihood p(x|z) is a rule with
//   constants(log_variance, width)     what all values of a batch share
//   term(output, x, constants)         of one value: log p, without the normalizer, and its slope
//   mean(output)                       E[x|z]
//   output_of(mean)                    the output with that mean, for the start of a training
//   kHasVariance                       whether it has a variance, which may be trained
//   kOfGreyLevels                      whether it is a density of grey levels, not a probability of
//                                      black and white
// and, where kHasVariance, log_variance_slope(). kernels/rules/likelihoods.h lists them.
#pragma once

#include "kernels/hd.h"

namespace vae {

/// log p of one value and its derivative with respect to the decoder's output.
struct PixelTerm {
  float log_p;
  float slope;
};

/// log p of a row is the normalizer plus the sum of its terms.
struct LikelihoodConstants {
  float inverse_variance;
  float normalizer;
};

}  // namespace vae
