// SPDX-License-Identifier: MIT
//
// What becomes of a finished tile of C. An epilogue is a struct of pointers with
// run<Tile>(staged tile), which all threads of the block enter together. Threads take quads, so
// that memory is read and written in 16 bytes; the loop over them is one loop, not one copy of the
// code for each register of the product, which keeps kernels small enough for the instruction
// cache.
#pragma once

#include <cstddef>

#include "kernels/cuda/activations.h"
#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/quads.h"

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
template <typename Tile, typename Staged, typename Visit>
__device__ inline void for_quads(const Staged& tile, Visit visit) {
  const auto place = QuadPlace<Tile>::here();
  const int column = tile.first_column + place.column;
  if (column >= tile.columns) return;
  const int left = tile.rows - tile.first_row, rows = left < Tile::kRows ? left : Tile::kRows;
  for (int row = place.row; row < rows; row += QuadPlace<Tile>::kRowStep) {
    const std::size_t offset = static_cast<std::size_t>(tile.row_in_c(tile.first_row + row)) *
                                   static_cast<std::size_t>(tile.columns) +
                               static_cast<std::size_t>(column);
    visit(offset, static_cast<std::size_t>(tile.columns - column),
          staged_quad<Tile>(tile, row, place.column));
  }
}

/// C as it is, or added to what is there.
struct StoreEpilogue {
  float* c;         // [M, N] out
  bool accumulate;  // a gradient
  bool aligned;     // to quads, rows too

  template <typename Tile>
  __device__ void run(const StagedTile& tile) const {
    for_quads<Tile>(tile, [&](std::size_t offset, std::size_t rest, const Quad& quad) {
      accumulate_quad(c + offset, quad, accumulate, rest, aligned);
    });
  }
};

/// y = activation(C + bias), pre = C + bias.
struct ActivationEpilogue {
  float* y;           // [M, N] out
  float* pre;         // [M, N] out, or null
  const float* bias;  // [N], or null
  Activation activation;
  bool aligned;

  template <typename Tile, typename Staged>
  __device__ void run(const Staged& tile) const {
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

/// C as sums of an input gradient, [M, N].
struct SlopeEpilogue {
  InputGradient gradient;

  template <typename Tile, typename Staged>
  __device__ void run(const Staged& tile) const {
    for_quads<Tile>(tile, [&](std::size_t offset, std::size_t rest, const Quad& quad) {
      gradient.finish(offset, rest, quad);
    });
  }
};

}  // namespace vae::cuda
