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
#include "kernels/rules/binarization.h"
#include "kernels/step_state.h"

namespace vae::cuda {

/// The image at `row` of the step's batch.
__device__ inline uint32_t image_at(const StepState& state, uint32_t row, uint32_t images,
                                    bool shuffle, uint64_t seed) {
  const uint32_t position = state.first_row + row;
  return shuffle ? permute(make_permutation(seed, state.epoch, images), position) : position;
}

/// Finds the images of up to `block_rows` rows of the batch, from `first` on, by the first threads
/// of a block; for all of them afterwards. How many rows there are.
__device__ inline unsigned find_images(uint32_t* image_of, std::size_t first, std::size_t rows,
                                       unsigned block_rows, const StepState& state, uint32_t images,
                                       bool shuffle, uint64_t seed) {
  const std::size_t left = rows - first;
  const unsigned count = left < block_rows ? static_cast<unsigned>(left) : block_rows;
  if (threadIdx.x < count) {
    const uint32_t row = static_cast<uint32_t>(first) + threadIdx.x;
    image_of[threadIdx.x] = image_at(state, row, images, shuffle, seed);
  }
  __syncthreads();
  return count;
}

/// Pixels 0 to 3 at `memory`; zeros from `remaining` on. `aligned`: to 4 bytes.
__device__ inline uchar4 load_pixels(const uint8_t* memory, std::size_t remaining, bool aligned) {
  if (aligned && remaining >= 4) return vector_at<uchar4>(memory);
  uchar4 pixels = {};
  if (remaining > 0) pixels.x = memory[0];
  if (remaining > 1) pixels.y = memory[1];
  if (remaining > 2) pixels.z = memory[2];
  if (remaining > 3) pixels.w = memory[3];
  return pixels;
}

template <typename Rule>
__device__ inline Quad pixel_values(Rule rule, const uchar4& pixels, const PhiloxRow& noise,
                                    uint32_t quad) {
  PhiloxWords words = {};
  if constexpr (rule.kDraws) words = philox_quad(noise, quad);
  return {{rule.value(pixels.x, words.word[0]), rule.value(pixels.y, words.word[1]),
           rule.value(pixels.z, words.word[2]), rule.value(pixels.w, words.word[3])}};
}

}  // namespace vae::cuda
