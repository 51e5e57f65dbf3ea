// SPDX-License-Identifier: MIT
//
// The input batch as an operand: rows are gathered from the 8-bit data set, permuted and binarised
// while they are loaded. The same numbers as kernels/cuda/load_batch.cu, bit for bit. Every block
// of a tile row makes them again, which costs arithmetic but no trip through memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/quads.h"
#include "kernels/permutation.h"
#include "kernels/philox.h"
#include "kernels/step_state.h"

namespace vae::cuda {

/// What LoadBatchArgs says, for kernels.
struct PixelOperand {
  static constexpr Major kMajor = Major::depth;
  static constexpr bool kHasRowSums = false;
  template <typename Tile, int kExtent>
  class Loader;

  float* x;               // [extent, width] out
  const uint8_t* pixels;  // [images, width]
  const StepState* state;
  int extent;
  std::size_t width;
  uint32_t images;
  uint64_t seed;
  bool shuffle;
  Binarization binarization;
  bool x_in_quads, pixels_in_quads;
};

/// Pixels 0 to 3 at `memory`; zeros from `remaining` on. `aligned`: to 4 bytes.
__device__ inline uchar4 gathered_pixels(const uint8_t* memory, int remaining, bool aligned) {
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

/// fetch() reads pixels into registers; while they come the block multiplies; then store() draws.
/// The leader writes what it loads to x, each slice its own columns.
template <typename Tile, int kExtent>
class PixelOperand::Loader {
 public:
  __device__ Loader(const PixelOperand& operand, int first, int end, bool leader)
      : operand_(operand), first_(first), end_(end), leader_(leader) {
    static_assert(kExtent <= Tile::kThreads);
    VAE_SHARED(uint32_t, image_of, [kExtent]);
    const int row = first + static_cast<int>(threadIdx.x);
    if (threadIdx.x < kExtent && row < operand.extent) {
      const uint32_t position = operand.state->first_row + static_cast<uint32_t>(row);
      image_of[threadIdx.x] =
          operand.shuffle
              ? permute(make_permutation(operand.seed, operand.state->epoch, operand.images),
                        position)
              : position;
    }
    __syncthreads();
    images_ = image_of;
    step_ = operand.binarization == Binarization::dynamic ? operand.state->step : 0;
  }

  __device__ void fetch(float*, int depth) {
    depth_ = depth;
    VAE_UNROLL
    for (int i = 0; i < kQuads; ++i) {
      const Place at = place(i);
      pixels_[i] = {};
      if (is_valid(at)) {
        const std::size_t offset = images_[at.row] * operand_.width + at.column;
        pixels_[i] =
            gathered_pixels(operand_.pixels + offset, end_ - at.column, operand_.pixels_in_quads);
      }
    }
  }

  __device__ void store(float* shared) const {
    VAE_UNROLL
    for (int i = 0; i < kQuads; ++i) {
      const Place at = place(i);
      Quad values = {};
      if (is_valid(at)) {
        const PhiloxRow noise =
            philox_row(operand_.seed, vae::Stream::binarize, step_, images_[at.row]);
        values = pixel_values(operand_.binarization, pixels_[i], noise,
                              static_cast<uint32_t>(at.column) / 4);
        if (leader_) {
          const std::size_t offset =
              static_cast<std::size_t>(first_ + at.row) * operand_.width + at.column;
          store_quad(operand_.x + offset, values, static_cast<std::size_t>(end_ - at.column),
                     operand_.x_in_quads);
        }
      }
      store_quad(shared + Shared::at(at.row, at.column - depth_), values, 4, true);
    }
  }

 private:
  using Shared = SharedTile<Major::depth, kExtent, Tile::kDepth>;
  static constexpr int kLine = Tile::kDepth / 4;
  static constexpr int kQuads = kExtent * kLine / Tile::kThreads;
  static_assert(kQuads * Tile::kThreads == kExtent * kLine);

  struct Place {
    int row;     // of the tile
    int column;  // of x
  };
  __device__ Place place(int i) const {
    const int quad = i * Tile::kThreads + static_cast<int>(threadIdx.x);
    return {quad / kLine, depth_ + quad % kLine * 4};
  }
  __device__ bool is_valid(const Place& at) const {
    return first_ + at.row < operand_.extent && at.column < end_;
  }

  const PixelOperand operand_;
  const int first_, end_;
  const bool leader_;
  const uint32_t* images_;  // [kExtent] in shared memory
  uint32_t step_;
  int depth_ = 0;
  uchar4 pixels_[kQuads];
};

}  // namespace vae::cuda
