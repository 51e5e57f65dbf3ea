// SPDX-License-Identifier: MIT
//
// How a run moves from step to step: the same arithmetic on the host and on a device.
#pragma once

#include <math.h>

#include "kernels/hd.h"
#include "kernels/step_state.h"

namespace vae {

/// cos(pi x). Devices have it without the slow path for huge arguments, which takes local memory.
VAE_HD static inline double cosine_of_half_turns(double x) {
#ifdef __CUDA_ARCH__
  return cospi(x);
#else
  return cos(3.14159265358979323846 * x);
#endif
}

/// Learning rate of the step with this index (0 for the first).
VAE_HD static inline float learning_rate_at(const Schedule& schedule, uint32_t index) {
  double rate = schedule.learning_rate;
  if (schedule.kind == LearningRateSchedule::step) {
    for (uint32_t i = 0; i < schedule.stage_count; ++i) {
      if (index >= schedule.stage_steps[i]) rate *= schedule.stage_factor;
    }
  }
  if (schedule.kind == LearningRateSchedule::cosine && schedule.total_steps > 1) {
    const double share = static_cast<double>(index) / (schedule.total_steps - 1);
    const double cosine = 0.5 * (1.0 + cosine_of_half_turns(share));
    rate *= schedule.final_factor + (1.0 - schedule.final_factor) * cosine;
  }
  return static_cast<float>(rate);
}

/// KL weight of the step with this index: linear from 0 over the warm-up, then beta.
VAE_HD static inline float beta_at(const Schedule& schedule, uint32_t index) {
  if (index >= schedule.beta_warmup_steps) return static_cast<float>(schedule.beta);
  return static_cast<float>(schedule.beta * (index / schedule.beta_warmup_steps));
}

/// The state of the next step. See Backend::begin_step().
VAE_HD static inline void advance(StepState& state, const Schedule& schedule) {
  const uint32_t index = state.step;
  // The host may look many steps later, when the streak is over.
  if (schedule.max_skipped_in_a_row != 0 &&
      state.skipped_in_a_row == schedule.max_skipped_in_a_row && state.diverged_at == 0) {
    state.diverged_at = index;
  }
  const uint32_t per_epoch = schedule.steps_per_epoch();
  state.epoch = index / per_epoch;
  state.first_row = index % per_epoch * schedule.batch_size;
  state.learning_rate = learning_rate_at(schedule, index);
  state.beta = beta_at(schedule, index);
  state.step = index + 1;
}

}  // namespace vae
