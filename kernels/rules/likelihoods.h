// SPDX-License-Identifier: MIT
//
// The list of the likelihoods. Tests of probabilities, slopes and draws run over it.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/rules/bernoulli.h"
#include "kernels/rules/beta_binomial.h"
#include "kernels/rules/discretised_logistic.h"
#include "kernels/rules/gaussian.h"
#include "kernels/rules/pixel_gaussian.h"
#include "vae/types.h"

namespace vae {

/// Calls body with the rule of a Gaussian whose variance is there.
VAE_HD_CALLS_BACK
template <typename Body>
VAE_HD static constexpr auto visit(Variance variance, Body body) {
  switch (variance) {
    case Variance::fixed:
    case Variance::learned:
    case Variance::per_channel:
      return body(rules::Gaussian());
    case Variance::per_pixel:
      return body(rules::PixelGaussian());
  }
  __builtin_unreachable();
}

/// Calls body with the rule of a likelihood; the variance is that of Gaussians.
VAE_HD_CALLS_BACK
template <typename Body>
VAE_HD static constexpr auto visit(Likelihood likelihood, Variance variance, Body body) {
  switch (likelihood) {
    case Likelihood::bernoulli:
      return body(rules::Bernoulli());
    case Likelihood::gaussian:
      return visit(variance, body);
    case Likelihood::logistic:
      return body(rules::DiscretisedLogistic());
    case Likelihood::beta_binomial:
      return body(rules::BetaBinomial());
  }
  __builtin_unreachable();
}

/// How many outputs of the decoder a value of x has.
static constexpr int outputs_per_value(Likelihood likelihood, Variance variance) {
  return visit(likelihood, variance, [](auto rule) { return rule.kPerValue; });
}

/// How many variances there are beside the outputs, where values have `channels` channels.
static constexpr int64_t variance_count(Likelihood likelihood, Variance variance,
                                        int64_t channels) {
  return visit(likelihood, variance, [&](auto rule) -> int64_t {
    if (!rule.kHasVariance) return 0;
    return variance == Variance::per_channel ? channels : 1;
  });
}

/// Whether those are trained.
static constexpr bool variance_is_trained(Likelihood likelihood, Variance variance) {
  return variance_count(likelihood, variance, 1) > 0 && variance != Variance::fixed;
}

/// Whether x has grey levels, not black and white only.
static constexpr bool is_of_grey_levels(Likelihood likelihood) {
  return visit(likelihood, Variance::fixed, [](auto rule) { return rule.kOfGreyLevels; });
}

/// Whether p(x|z) is the probability of one of 256 levels, not a density.
static constexpr bool is_of_256_levels(Likelihood likelihood) {
  return visit(likelihood, Variance::fixed, [](auto rule) { return rule.kOf256Levels; });
}

}  // namespace vae
