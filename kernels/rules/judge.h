// SPDX-License-Identifier: MIT
//
// Whether a step's gradient may be applied, and how much of it.
#pragma once

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/step_state.h"

namespace vae {

/// See JudgeGradientArgs; from the sum of the gradient's squares.
VAE_HD static inline void judge(StepState& state, double sum_of_squares, float clip_norm) {
  const double norm = square_root(sum_of_squares);
  state.gradient_norm = static_cast<float>(norm);
  state.apply = is_finite(norm) && is_finite(state.loss) ? 1 : 0;
  const bool clip = clip_norm > 0.0f && norm > clip_norm;
  state.clip_scale = clip ? static_cast<float>(clip_norm / norm) : 1.0f;
  if (state.apply != 0) {
    ++state.updates;
    state.skipped_in_a_row = 0;
  } else {
    ++state.skipped;
    ++state.skipped_in_a_row;
  }
}

}  // namespace vae
