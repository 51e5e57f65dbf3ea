// SPDX-License-Identifier: MIT
//
// The activations, each once for every device. A rule has
//   value(x)             y
//   slope(s)             dy / dx, from s = y, or from s = x where kSlopeFromInput
//   kSlopeFromInput
#pragma once

#include "kernels/hd.h"
#include "kernels/math.h"
#include "vae/types.h"

namespace vae {

namespace rules {

namespace {  // hd.h says why

struct Identity {
  static constexpr bool kSlopeFromInput = false;
  VAE_HD static float value(float x) { return x; }
  VAE_HD static float slope(float) { return 1.0f; }
};

struct Relu {
  static constexpr bool kSlopeFromInput = false;
  VAE_HD static float value(float x) { return x < 0.0f ? 0.0f : x; }
  VAE_HD static float slope(float y) { return y > 0.0f ? 1.0f : 0.0f; }
};

struct LeakyRelu {
  static constexpr bool kSlopeFromInput = false;
  static constexpr float kSlopeBelowZero = 0.01f;  // as in PyTorch
  VAE_HD static float value(float x) { return x < 0.0f ? kSlopeBelowZero * x : x; }
  VAE_HD static float slope(float y) { return y > 0.0f ? 1.0f : kSlopeBelowZero; }
};

struct Tanh {
  static constexpr bool kSlopeFromInput = false;
  VAE_HD static float value(float x) { return hyperbolic_tangent(x); }
  VAE_HD static float slope(float y) { return fused_multiply_add(-y, y, 1.0f); }
};

struct Sigmoid {
  static constexpr bool kSlopeFromInput = false;
  VAE_HD static float value(float x) { return sigmoid(x); }
  VAE_HD static float slope(float y) { return y * (1.0f - y); }
};

struct Softplus {
  static constexpr bool kSlopeFromInput = false;
  VAE_HD static float value(float x) { return softplus(x); }
  /// y = ln(1 + e^x), so the slope sigmoid(x) is 1 - e^-y.
  VAE_HD static float slope(float y) { return 1.0f - exponential_of_minus(y); }
};

struct Elu {
  static constexpr bool kSlopeFromInput = false;
  VAE_HD static float value(float x) { return x < 0.0f ? exponential_minus_one(x) : x; }
  VAE_HD static float slope(float y) { return y < 0.0f ? y + 1.0f : 1.0f; }
};

struct Gelu {
  static constexpr bool kSlopeFromInput = true;
  VAE_HD static float value(float x) { return x * normal_cdf(x); }
  VAE_HD static float slope(float x) {
    const float density = 0.39894228f * exponential_of_minus(0.5f * x * x);
    return fused_multiply_add(x, density, normal_cdf(x));
  }
};

struct Silu {
  static constexpr bool kSlopeFromInput = true;
  VAE_HD static float value(float x) { return x * sigmoid(x); }
  VAE_HD static float slope(float x) {
    const float s = sigmoid(x);
    return fused_multiply_add(x * s, 1.0f - s, s);
  }
};

}  // namespace

}  // namespace rules

/// Calls body with the rule of an activation.
VAE_HD_CALLS_BACK
template <typename Body>
VAE_HD static constexpr auto visit(Activation activation, Body body) {
  switch (activation) {
    case Activation::none:
      return body(rules::Identity());
    case Activation::relu:
      return body(rules::Relu());
    case Activation::leaky_relu:
      return body(rules::LeakyRelu());
    case Activation::tanh:
      return body(rules::Tanh());
    case Activation::sigmoid:
      return body(rules::Sigmoid());
    case Activation::softplus:
      return body(rules::Softplus());
    case Activation::elu:
      return body(rules::Elu());
    case Activation::gelu:
      return body(rules::Gelu());
    case Activation::silu:
      return body(rules::Silu());
  }
  __builtin_unreachable();
}

/// Whether the derivative cannot be told from the output alone.
static constexpr bool needs_pre_activation(Activation activation) {
  return visit(activation, [](auto rule) { return rule.kSlopeFromInput; });
}

}  // namespace vae
