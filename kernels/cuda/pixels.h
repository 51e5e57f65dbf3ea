// SPDX-License-Identifier: MIT
//
// What load_batch makes of the 8-bit data set, quad by quad: for its own kernel and for the product
// that loads its operand this way. Integers and exact arithmetic only, so the CPU's numbers bit for
// bit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/quads.h"
#include "kernels/permutation.h"
#include "kernels/philox.h"
#include "kernels/step_state.h"
#include "vae/config.h"

namespace vae::cuda {

/// The image at `row` of the step's batch.
__device__ inline uint32_t image_at(const StepState& state, uint32_t row, uint32_t images,
                                    bool shuffle, uint64_t seed) {
  const uint32_t position = state.first_row + row;
  return shuffle ? permute(make_permutation(seed, state.epoch, images), position) : position;
}

/// Pixels 0 to 3 at `memory`; zeros from `remaining` on. `aligned`: to 4 bytes.
__device__ inline uchar4 load_pixels(const uint8_t* memory, std::size_t remaining, bool aligned) {
  if (aligned && remaining >= 4) return *reinterpret_cast<const uchar4*>(memory);
  uchar4 pixels = {};
  if (remaining > 0) pixels.x = memory[0];
  if (remaining > 1) pixels.y = memory[1];
  if (remaining > 2) pixels.z = memory[2];
  if (remaining > 3) pixels.w = memory[3];
  return pixels;
}

/// A pixel of 0 becomes 0 whatever the rule, so what lies outside the images stays zero.
__device__ inline float pixel_value(Binarization rule, uint32_t pixel, uint32_t word) {
  if (rule == Binarization::none) return static_cast<float>(pixel) / 255.0f;
  const bool set = rule == Binarization::threshold ? pixel >= 128 : bernoulli_pixel(word, pixel);
  return set ? 1.0f : 0.0f;
}

__device__ inline Quad pixel_values(Binarization rule, const uchar4& pixels, const PhiloxRow& noise,
                                    uint32_t quad) {
  PhiloxWords words = {};
  if (rule == Binarization::fixed || rule == Binarization::dynamic) {
    words = philox_quad(noise, quad);
  }
  return {{pixel_value(rule, pixels.x, words.word[0]), pixel_value(rule, pixels.y, words.word[1]),
           pixel_value(rule, pixels.z, words.word[2]), pixel_value(rule, pixels.w, words.word[3])}};
}

}  // namespace vae::cuda
