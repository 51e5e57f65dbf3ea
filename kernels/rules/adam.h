// SPDX-License-Identifier: MIT
//
// Adam with bias correction [Adam alg. 1], and weight decay beside the gradient [AdamW alg. 2].
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/step_state.h"

namespace vae {

/// Parameters that decay, or not, together. Weights and biases share no line of the arena.
static constexpr int64_t kDecayLine = 16;

struct AdamOptions {
  float beta1, beta2;
  float epsilon;
  float weight_decay = 0.0f;
};

/// The constants of one step.
struct AdamStep {
  float beta1, beta2;
  float step_size;                // learning rate / (1 - beta1^t)
  float inverse_sqrt_correction;  // 1 / sqrt(1 - beta2^t)
  float epsilon;
  float gradient_scale;  // clipping
  float decay;           // see decay_of()
};

/// The share of itself that a weight loses at a step.
VAE_HD static inline float decay_of(float weight_decay, const StepState& state) {
  return static_cast<float>(static_cast<double>(state.learning_rate) * weight_decay);
}

VAE_HD static inline AdamStep adam_step(const AdamOptions& options, const StepState& state) {
  const double first = 1.0 - power(static_cast<double>(options.beta1), state.updates);
  const double second = 1.0 - power(static_cast<double>(options.beta2), state.updates);
  return {options.beta1,
          options.beta2,
          static_cast<float>(state.learning_rate / first),
          static_cast<float>(1.0 / square_root(second)),
          options.epsilon,
          state.clip_scale,
          decay_of(options.weight_decay, state)};
}

/// What is left of a weight before its update.
VAE_HD static inline float decayed(float weight, float decay) {
  return fused_multiply_add(-decay, weight, weight);
}

/// The update of one parameter.
VAE_HD static inline void adam_update(float& parameter, float& first_moment, float& second_moment,
                                      float gradient, const AdamStep& step) {
  const float scaled = gradient * step.gradient_scale;
  const float square = scaled * scaled;
  const float first = fused_multiply_add(step.beta1, first_moment - scaled, scaled);
  const float second = fused_multiply_add(step.beta2, second_moment - square, square);
  const float root =
      fused_multiply_add(square_root(second), step.inverse_sqrt_correction, step.epsilon);
  first_moment = first;
  second_moment = second;
  parameter = fused_multiply_add(-step.step_size, first / root, parameter);
}

}  // namespace vae
