// SPDX-License-Identifier: MIT
//
// How a run moves from step to step: the same arithmetic on the host and on a device. The rule of a
// learning rate schedule has rate(schedule, index), the rate of the step with this index, 0 for the
// first; the warm-up is a factor of every one.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/step_state.h"
#include "vae/types.h"

namespace vae {

namespace rules {

namespace {  // hd.h says why

struct ConstantRate {
  VAE_HD static double rate(const Schedule& schedule, uint32_t) { return schedule.learning_rate; }
};

struct StepRate {
  VAE_HD static double rate(const Schedule& schedule, uint32_t index) {
    double rate = schedule.learning_rate;
    for (uint32_t i = 0; i < schedule.stage_count; ++i) {
      if (index >= schedule.stage_steps[i]) rate *= schedule.stage_factor;
    }
    return rate;
  }
};

struct CosineRate {
  VAE_HD static double rate(const Schedule& schedule, uint32_t index) {
    if (schedule.total_steps <= 1) return schedule.learning_rate;
    const double share = static_cast<double>(index) / (schedule.total_steps - 1);
    const double cosine = 0.5 * (1.0 + cosine_of_half_turns(share));
    return schedule.learning_rate *
           (schedule.final_factor + (1.0 - schedule.final_factor) * cosine);
  }
};

}  // namespace

}  // namespace rules

/// Calls body with the rule of a schedule.
VAE_HD_CALLS_BACK
template <typename Body>
VAE_HD static constexpr auto visit(LearningRateSchedule kind, Body body) {
  switch (kind) {
    case LearningRateSchedule::constant:
      return body(rules::ConstantRate());
    case LearningRateSchedule::step:
      return body(rules::StepRate());
    case LearningRateSchedule::cosine:
      return body(rules::CosineRate());
  }
  __builtin_unreachable();
}

/// What a value has become at the step with this index: it rises linearly from 0 over the warm-up.
VAE_HD static inline float warmed_up(double value, uint32_t index, double warmup_steps) {
  if (index >= warmup_steps) return static_cast<float>(value);
  return static_cast<float>(value * (index / warmup_steps));
}

/// The state of the next step. See BeginStepArgs.
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
  const double rate = visit(schedule.kind, [&](auto rule) { return rule.rate(schedule, index); });
  state.learning_rate = warmed_up(rate, index, schedule.rate_warmup_steps);
  state.beta = warmed_up(schedule.beta, index, schedule.beta_warmup_steps);
  state.step = index + 1;
}

}  // namespace vae
