// SPDX-License-Identifier: MIT
//
// The list of the likelihoods. Tests of densities, slopes and normalisation run over it.
#pragma once

#include "kernels/hd.h"
#include "kernels/rules/bernoulli.h"
#include "kernels/rules/gaussian.h"
#include "vae/types.h"

namespace vae {

/// Calls body with the rule of a likelihood.
VAE_HD_CALLS_BACK
template <typename Body>
VAE_HD static constexpr auto visit(Likelihood likelihood, Body body) {
  switch (likelihood) {
    case Likelihood::bernoulli:
      return body(rules::Bernoulli());
    case Likelihood::gaussian:
      return body(rules::Gaussian());
  }
  __builtin_unreachable();
}

static constexpr bool has_variance(Likelihood likelihood) {
  return visit(likelihood, [](auto rule) { return rule.kHasVariance; });
}

static constexpr bool is_of_grey_levels(Likelihood likelihood) {
  return visit(likelihood, [](auto rule) { return rule.kOfGreyLevels; });
}

}  // namespace vae
