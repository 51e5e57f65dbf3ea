// SPDX-License-Identifier: MIT
//
// The negative bound of a batch, from the sums over its rows.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/step_state.h"

namespace vae {

/// Of one image, or summed over a batch.
struct BoundTerms {
  double reconstruction;  // log p(x|z)
  double kl;
  double squared_elbo;
};

VAE_HD static inline BoundTerms bound_terms(float log_px, float kl) {
  const double elbo = static_cast<double>(log_px) - kl;
  return {static_cast<double>(log_px), static_cast<double>(kl), elbo * elbo};
}

/// See AccumulateArgs; from the sums over a batch.
VAE_HD static inline void add_batch(Totals& totals, StepState& state, const BoundTerms& sums,
                                    int64_t rows) {
  const double loss = (state.beta * sums.kl - sums.reconstruction) / static_cast<double>(rows);
  state.loss = static_cast<float>(loss);
  if (!is_finite(state.loss)) return;
  totals.reconstruction += sums.reconstruction;
  totals.kl += sums.kl;
  totals.squared_elbo += sums.squared_elbo;
  totals.images += rows;
}

}  // namespace vae
