// SPDX-License-Identifier: MIT
//
// Which random numbers a kernel draws.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/simt.h"
#include "kernels/operations.h"
#include "kernels/philox.h"
#include "kernels/step_state.h"

namespace vae::cuda {

/// What NoiseKey says, for kernels.
struct Noise {
  uint64_t seed;
  vae::Stream stream;
  uint32_t first_sample;
  const StepState* state;
};

inline Noise noise_of(const NoiseKey& key) {
  return {key.seed, key.stream, static_cast<uint32_t>(key.first_sample), key.state};
}

/// Which row draws: image and sample count from the batch's first.
__device__ inline PhiloxRow noise_row(const Noise& noise, std::size_t image, std::size_t sample) {
  return philox_row(noise.seed, noise.stream, noise.state->step,
                    noise.state->first_row + static_cast<uint32_t>(image),
                    noise.first_sample + static_cast<uint32_t>(sample));
}

}  // namespace vae::cuda
