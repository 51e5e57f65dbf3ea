// SPDX-License-Identifier: MIT
//
// The loss of a batch, from the sums over its rows.
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
  double bound = 0.0;  // L_K, where samples are weighted
};

VAE_HD static inline BoundTerms bound_terms(float log_px, float kl) {
  const double elbo = static_cast<double>(log_px) - kl;
  return {static_cast<double>(log_px), static_cast<double>(kl), elbo * elbo};
}

VAE_HD static inline void add_sums(Totals& totals, const BoundTerms& sums, int64_t rows) {
  totals.reconstruction += sums.reconstruction;
  totals.kl += sums.kl;
  totals.squared_elbo += sums.squared_elbo;
  totals.bound += sums.bound;
  totals.images += rows;
}

/// See AccumulateArgs; from the sums over a batch.
VAE_HD static inline void add_batch(Totals& totals, StepState& state, const BoundTerms& sums,
                                    int64_t rows) {
  const double loss = (state.beta * sums.kl - sums.reconstruction) / static_cast<double>(rows);
  state.loss = static_cast<float>(loss);
  if (is_finite(state.loss)) add_sums(totals, sums, rows);
}

/// See AccumulateWeightedArgs; from the sums over all samples of a batch, and of its bounds.
VAE_HD static inline void add_weighted_batch(Totals& totals, StepState& state, double log_px,
                                             double log_ratio, double bound, int64_t rows,
                                             int64_t samples) {
  state.loss = static_cast<float>(-bound / static_cast<double>(rows));
  const auto k = static_cast<double>(samples);
  const BoundTerms sums{log_px / k, -log_ratio / k, 0.0, bound};
  // A sample of weight 0 may have an infinite share in these.
  const bool finite = is_finite(sums.reconstruction) && is_finite(sums.kl);
  if (finite && is_finite(state.loss)) add_sums(totals, sums, rows);
}

}  // namespace vae
