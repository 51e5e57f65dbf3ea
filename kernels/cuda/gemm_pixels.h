// SPDX-License-Identifier: MIT
//
// The input batch as an operand: rows are gathered from the 8-bit data set, permuted and binarised
// while they are loaded. Every block of a tile row makes them again, which costs arithmetic but no
// trip through memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/pixels.h"
#include "kernels/cuda/quads.h"
#include "kernels/philox.h"
#include "kernels/step_state.h"

namespace vae::cuda {

/// What LoadBatchArgs says, for kernels.
struct PixelOperand {
  static constexpr Major kMajor = Major::depth;
  static constexpr SumOver kSumOver = SumOver::features;
  template <typename Tile, int kExtent>
  class Loader;

  float* x;               // [extent, width] out
  const uint8_t* pixels;  // [images, width]
  const StepState* state;
  int extent;
  std::size_t width;
  uint32_t images;
  uint64_t seed;
  uint32_t first_draw;
  bool shuffle;
  Binarization binarization;
  bool x_in_quads, pixels_in_quads;
};

/// fetch() reads pixels into registers; while they come the block multiplies; then store() draws.
/// The leader writes what it loads to x, each split its own columns.
template <typename Tile, int kExtent>
class PixelOperand::Loader {
 public:
  __device__ Loader(const PixelOperand& operand, int first, bool leader)
      : operand_(operand), first_(first), leader_(leader) {
    static_assert(kExtent <= Tile::kThreads);
    VAE_SHARED(uint32_t, image_of, [kExtent]);
    const int row = first + static_cast<int>(threadIdx.x);
    if (threadIdx.x < kExtent && row < operand.extent) {
      image_of[threadIdx.x] = image_at(*operand.state, static_cast<uint32_t>(row), operand.images,
                                       operand.shuffle, operand.seed);
    }
    __syncthreads();
    images_ = image_of;
    step_ =
        visit(operand.binarization, [&](auto rule) { return rule.draw_step(operand.state->step); });
  }

  __device__ void fetch(float*, int depth, int end) {
    depth_ = depth;
    end_ = end;
    VAE_UNROLL
    for (int i = 0; i < kQuads; ++i) {
      const Place at = place(i);
      pixels_[i] = {};
      if (is_valid(at)) {
        const std::size_t offset = images_[at.row] * operand_.width + at.column;
        pixels_[i] =
            load_pixels(operand_.pixels + offset, static_cast<std::size_t>(end_ - at.column),
                        operand_.pixels_in_quads);
      }
    }
  }

  __device__ void store(float* shared) const {
    VAE_UNROLL
    for (int i = 0; i < kQuads; ++i) {
      const Place at = place(i);
      Quad values = {};
      if (is_valid(at)) {
        const PhiloxRow noise = philox_row(operand_.seed, vae::Stream::binarize, step_,
                                           operand_.first_draw + images_[at.row]);
        values = visit(operand_.binarization, [&](auto rule) {
          return pixel_values(rule, pixels_[i], noise, static_cast<uint32_t>(at.column) / 4);
        });
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
  const int first_;
  const bool leader_;
  const uint32_t* images_;  // [kExtent] in shared memory
  uint32_t step_;
  int depth_ = 0, end_ = 0;
  uchar4 pixels_[kQuads];
};

}  // namespace vae::cuda
