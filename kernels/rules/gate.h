// SPDX-License-Identifier: MIT
//
// A gated unit: y = a sigmoid(g). [Dauphin et al. 2017; van den Oord et al. 2016]
#pragma once

#include "kernels/hd.h"

namespace vae {

/// From the value a and the gate s = sigmoid(g).
VAE_HD static inline float gated(float a, float s) { return a * s; }

struct GateSlopes {
  float value;  // dy/da
  float gate;   // dy/dg
};

VAE_HD static inline GateSlopes gate_slopes(float a, float s) { return {s, a * (s * (1.0f - s))}; }

}  // namespace vae
