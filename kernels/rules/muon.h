// SPDX-License-Identifier: MIT
//
// Muon: the momentum of a matrix, made nearly orthogonal, is its update [Jordan et al. 2024, "Muon:
// An optimizer for hidden layers in neural networks"].
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/rules/adam.h"
#include "kernels/step_state.h"

namespace vae {

/// x = a x + (b A + c A A) x with A = x x^T drives the singular values of a matrix of norm 1
/// towards 1, or near it, in this many steps.
static constexpr int kNewtonSchulzSteps = 5;
static constexpr float kNewtonSchulzA = 3.4445f;
static constexpr float kNewtonSchulzB = -4.7750f;
static constexpr float kNewtonSchulzC = 2.0315f;

/// Of the learning rate, so that one rate serves both Muon and, for the rest, Adam.
static constexpr double kMuonRate = 20.0;

/// Added to the norm that a matrix is divided by.
static constexpr double kMuonEpsilon = 1e-12;

/// What the learning rate is multiplied by for a matrix of this shape.
static inline double muon_rate(int64_t rows, int64_t cols) {
  const double aspect = static_cast<double>(rows) / static_cast<double>(cols);
  return kMuonRate * square_root(aspect > 1.0 ? aspect : 1.0);
}

/// The momentum moves by the gradient; the result is Nesterov's look ahead.
VAE_HD static inline float muon_direction(float& momentum, float gradient, float beta,
                                          float gradient_scale) {
  const float scaled = gradient * gradient_scale;
  momentum = fused_multiply_add(beta, momentum - scaled, scaled);
  return fused_multiply_add(beta, momentum - scaled, scaled);
}

/// What a matrix with this sum of squares is multiplied by.
VAE_HD static inline float muon_factor(double squares) {
  return static_cast<float>(1.0 / (square_root(squares) + kMuonEpsilon));
}

VAE_HD static inline float blended(float x, float y, float a, float b) {
  return fused_multiply_add(a, x, b * y);
}

/// The constants of one step of one matrix.
struct MuonStep {
  float step_size;
  float decay;  // see decay_of()
};

VAE_HD static inline MuonStep muon_step(double rate, float weight_decay, const StepState& state) {
  return {static_cast<float>(state.learning_rate * rate), decay_of(weight_decay, state)};
}

VAE_HD static inline float muon_update(float weight, float direction, const MuonStep& step) {
  return fused_multiply_add(-step.step_size, direction, decayed(weight, step.decay));
}

}  // namespace vae
