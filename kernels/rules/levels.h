// SPDX-License-Identifier: MIT
//
// The 256 levels of an 8-bit value: level k is x = k / 255.
#pragma once

#include "kernels/arithmetic.h"
#include "kernels/hd.h"
#include "kernels/math_double.h"

namespace vae {

constexpr int kHighestLevel = 255;

/// The level nearest to x, a whole number from 0 to 255; NaN for NaN.
VAE_HD static inline double level_of(double x) {
  const double scaled = clamped(x, 0.0, 1.0) * kHighestLevel;
  return (scaled + kDoubleRounder) - kDoubleRounder;
}

/// As pixels become x [kernels/rules/binarization.h].
VAE_HD static inline float value_of_level(double level) {
  return static_cast<float>(level) / static_cast<float>(kHighestLevel);
}

}  // namespace vae
