// SPDX-License-Identifier: MIT
//
// Whether a step's gradient may be applied, and how much of it.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/rules/running_mean.h"
#include "kernels/step_state.h"

namespace vae {

/// Of the mean of the norms: the last hundred steps or so.
static constexpr double kNormDecay = 0.99;

/// Whether a norm is far beyond those of the steps before, with a limit that doubles at each step
/// that is skipped in a row: where gradients have become larger for good, the training goes on.
/// The limit of [VDVAE] is a constant.
VAE_HD static inline bool is_excessive(const StepState& state, double norm, float skip_norm) {
  constexpr uint32_t kMostDoublings = 62;
  const uint32_t doublings =
      state.skipped_in_a_row < kMostDoublings ? state.skipped_in_a_row : kMostDoublings;
  const double limit = skip_norm * state.mean_norm * static_cast<double>(uint64_t{1} << doublings);
  return skip_norm > 0.0f && state.mean_norm > 0.0 && norm > limit;
}

/// See JudgeGradientArgs; from the sum of the gradient's squares.
VAE_HD static inline void judge(StepState& state, double sum_of_squares, float clip_norm,
                                float skip_norm) {
  const double norm = square_root(sum_of_squares);
  state.gradient_norm = static_cast<float>(norm);
  const bool finite = is_finite(norm) && is_finite(state.loss);
  const bool excessive = finite && is_excessive(state, norm, skip_norm);
  state.apply = finite && !excessive ? 1 : 0;
  const bool clip = clip_norm > 0.0f && norm > clip_norm;
  state.clip_scale = clip ? static_cast<float>(clip_norm / norm) : 1.0f;
  if (state.apply != 0) {
    ++state.updates;
    state.skipped_in_a_row = 0;
    if (skip_norm > 0.0f) {
      state.mean_norm += newest_share(kNormDecay, state.updates) * (norm - state.mean_norm);
    }
  } else {
    ++state.skipped;
    ++state.skipped_in_a_row;
    if (excessive) ++state.skipped_for_norm;
  }
}

}  // namespace vae
