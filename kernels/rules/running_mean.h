// SPDX-License-Identifier: MIT
//
// Means in which the newest counts most: of x_1 .. x_t with weights proportional to decay^(t - i).
// They sum to one from the first value on, so nothing of the start is left in it. [Adam sec. 7.2]
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/math_double.h"

namespace vae {

/// How far towards x_t the mean of the values before it moves; 1 where t is 1.
VAE_HD static inline double newest_share(double decay, uint32_t t) {
  return (1.0 - decay) / (1.0 - power(decay, t));
}

VAE_HD static inline float moved_mean(float mean, float newest, float share) {
  return fused_multiply_add(share, newest - mean, mean);
}

}  // namespace vae
