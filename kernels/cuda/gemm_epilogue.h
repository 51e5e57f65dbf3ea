// SPDX-License-Identifier: MIT
//
// What becomes of a finished tile of C. An epilogue is a struct of pointers with
// run<Tile>(StagedTile), which all threads of the block enter together. Threads take quads, so that
// memory is read and written in 16 bytes; the loop over them is one loop, not one copy of the code
// for each register of the product, which keeps kernels small enough for the instruction cache.
#pragma once

#include <cstddef>

#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/quads.h"
#include "kernels/rules/activations.h"

namespace vae::cuda {

/// A thread's quads: one column of quads, every kRowStep-th row.
template <typename Tile>
struct QuadPlace {
  static constexpr int kLanes = Tile::kColumns / 4;  // neighbouring threads that share a row
  static constexpr int kRowStep = Tile::kThreads / kLanes;

  int row, column;  // in the tile, of the first quad

  __device__ static QuadPlace here() {
    return {static_cast<int>(threadIdx.x) / kLanes, static_cast<int>(threadIdx.x) % kLanes * 4};
  }
};

template <typename Tile>
__device__ inline Quad staged_quad(const StagedTile& tile, int row, int column) {
  return load_quad(tile.values + row * Tile::kStagedPitch + column, 4, true);
}

/// Calls visit(offset in C, elements of C from there to the end of the row, quad) for the thread's
/// quads in C.
template <typename Tile, typename Visit>
__device__ inline void for_quads(const StagedTile& tile, Visit visit) {
  const auto place = QuadPlace<Tile>::here();
  const int column = tile.first_column + place.column;
  if (column >= tile.columns) return;
  const int left = tile.rows - tile.first_row, rows = left < Tile::kRows ? left : Tile::kRows;
  for (int row = place.row; row < rows; row += QuadPlace<Tile>::kRowStep) {
    const std::size_t offset =
        static_cast<std::size_t>(tile.first_row + row) * static_cast<std::size_t>(tile.columns) +
        static_cast<std::size_t>(column);
    visit(offset, static_cast<std::size_t>(tile.columns - column),
          staged_quad<Tile>(tile, row, place.column));
  }
}

/// C as it is.
struct StoreEpilogue {
  float* c;      // [M, N] out
  bool aligned;  // to quads, rows too

  template <typename Tile>
  __device__ void run(const StagedTile& tile) const {
    for_quads<Tile>(tile, [&](std::size_t offset, std::size_t rest, const Quad& quad) {
      store_quad(c + offset, quad, rest, aligned);
    });
  }
};

// The activation is chosen at run time: all threads of a launch take the same branch, once per
// quad, which is little beside the memory the quad moves; and kernels are fewer by a factor of 9.

__device__ inline void activate_quad(Quad& quad, Activation activation) {
  visit(activation, [&](auto rule) {
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) quad.value[i] = rule.value(quad.value[i]);
  });
}

__device__ inline void multiply_slope(Quad& quad, const Quad& source, Activation activation) {
  visit(activation, [&](auto rule) {
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) quad.value[i] *= rule.slope(source.value[i]);
  });
}

/// y = activation(C + bias), pre = C + bias.
struct ActivationEpilogue {
  float* y;           // [M, N] out
  float* pre;         // [M, N] out, or null
  const float* bias;  // [N], or null
  Activation activation;
  bool aligned;

  template <typename Tile>
  __device__ void run(const StagedTile& tile) const {
    const int column = tile.first_column + QuadPlace<Tile>::here().column;
    Quad shift = {{-0.0f, -0.0f, -0.0f, -0.0f}};  // without a bias the sum keeps its sign of zero
    if (bias != nullptr && column < tile.columns) {
      shift = load_quad(bias + column, static_cast<std::size_t>(tile.columns - column), aligned);
    }
    for_quads<Tile>(tile, [&](std::size_t offset, std::size_t rest, Quad quad) {
      VAE_UNROLL
      for (int i = 0; i < 4; ++i) quad.value[i] += shift.value[i];
      if (pre != nullptr) store_quad(pre + offset, quad, rest, aligned);
      activate_quad(quad, activation);
      store_quad(y + offset, quad, rest, aligned);
    });
  }
};

/// C times the slope of the activation whose output, or pre-activation, is `source`.
struct SlopeEpilogue {
  float* dx;            // [M, N] out
  const float* source;  // [M, N]; not read by `none`
  Activation activation;
  bool aligned;

  template <typename Tile>
  __device__ void run(const StagedTile& tile) const {
    for_quads<Tile>(tile, [&](std::size_t offset, std::size_t rest, Quad quad) {
      if (activation != Activation::none) {
        multiply_slope(quad, load_quad(source + offset, rest, aligned), activation);
      }
      store_quad(dx + offset, quad, rest, aligned);
    });
  }
};

}  // namespace vae::cuda
