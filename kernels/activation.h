// SPDX-License-Identifier: MIT
//
// The activations and their derivatives, once for every device.
#pragma once

#include "kernels/hd.h"
#include "kernels/math.h"
#include "vae/config.h"

namespace vae {

constexpr float kLeakySlope = 0.01f;  // of leaky_relu below zero, as in PyTorch

/// gelu and silu cannot be differentiated from their output alone.
constexpr bool needs_pre_activation(Activation activation) {
  return activation == Activation::gelu || activation == Activation::silu;
}

template <Activation kActivation>
VAE_HD static inline float activate(float x) {
  if constexpr (kActivation == Activation::relu) return x < 0.0f ? 0.0f : x;
  if constexpr (kActivation == Activation::leaky_relu) return x < 0.0f ? kLeakySlope * x : x;
  if constexpr (kActivation == Activation::tanh) return hyperbolic_tangent(x);
  if constexpr (kActivation == Activation::sigmoid) return sigmoid(x);
  if constexpr (kActivation == Activation::softplus) return softplus(x);
  if constexpr (kActivation == Activation::elu) return x < 0.0f ? exponential(x) - 1.0f : x;
  if constexpr (kActivation == Activation::gelu) return x * normal_cdf(x);
  if constexpr (kActivation == Activation::silu) return x * sigmoid(x);
  return x;
}

/// The derivative from the output y = activate(x), or from x itself for those that need it.
template <Activation kActivation>
VAE_HD static inline float activation_slope(float y_or_x) {
  const float y = y_or_x;
  if constexpr (kActivation == Activation::relu) return y > 0.0f ? 1.0f : 0.0f;
  if constexpr (kActivation == Activation::leaky_relu) return y > 0.0f ? 1.0f : kLeakySlope;
  if constexpr (kActivation == Activation::tanh) return fused_multiply_add(-y, y, 1.0f);
  if constexpr (kActivation == Activation::sigmoid) return y * (1.0f - y);
  // y = ln(1 + e^x), so the slope sigmoid(x) is 1 - e^-y.
  if constexpr (kActivation == Activation::softplus) return 1.0f - exponential_of_minus(y);
  if constexpr (kActivation == Activation::elu) return y < 0.0f ? y + 1.0f : 1.0f;
  if constexpr (kActivation == Activation::gelu) {
    const float x = y_or_x;
    const float density = 0.39894228f * exponential_of_minus(0.5f * x * x);
    return fused_multiply_add(x, density, normal_cdf(x));
  }
  if constexpr (kActivation == Activation::silu) {
    const float x = y_or_x;
    const float s = sigmoid(x);
    return fused_multiply_add(x * s, 1.0f - s, s);
  }
  return 1.0f;
}

}  // namespace vae
