// SPDX-License-Identifier: MIT
//
// log p(x|z) and its gradient in the epilogue of the product that makes the decoder's outputs,
// which are not written. A row's terms are summed in groups of 32 columns by the tiles that have
// them, and from group to group in ascending order by the block of the tile row that comes last:
// rule 5 of docs/arithmetic.md, whatever the tile.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/gemm_epilogue.h"
#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/instructions.h"
#include "kernels/cuda/pixel_terms.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"

namespace vae::cuda {

constexpr int64_t row_groups(int64_t width) { return (width + kSumGroup - 1) / kSumGroup; }

struct LikelihoodEpilogue {
  float* log_px;              // [M] out
  float* doutputs;            // [M, N] out, or null
  float* dlog_variance;       // [1] out, or null
  const float* bias;          // [N]
  const float* x;             // [M / samples, N]
  const float* log_variance;  // [1], or null
  Likelihood likelihood;
  int samples;
  float scale;
  int tiles_down, tiles_across;
  float* group_sums;      // [row_groups(N), M] of the workspace
  uint32_t* row_tickets;  // [tiles_down], zero between launches
  uint32_t* last_ticket;  // [1], likewise
  bool aligned;           // to quads, rows too

  template <typename Tile>
  __device__ void run(const StagedTile& tile) const {
    // Chosen at run time, as activations are: see gemm_epilogue.h.
    visit(likelihood, Variance::fixed, [&](auto rule) {
      if constexpr (fuses(rule)) run_by<Tile>(rule, tile);
    });
  }

  /// A column of the product is a value of the row, and its term is cheap beside the product.
  template <typename Rule>
  __host__ __device__ static constexpr bool fuses(Rule rule) {
    return rule.kPerValue == 1;
  }

 private:
  template <typename Tile, typename Rule>
  __device__ void run_by(Rule rule, const StagedTile& tile) const {
    const auto constants = constants_of(rule, log_variance, 1, tile.columns);
    sum_tile<Tile>(rule, tile, constants);
    const int tile_row = tile.first_row / Tile::kRows;
    if (!last_block_to_arrive(row_tickets + tile_row, static_cast<uint32_t>(tiles_across))) return;
    const int row = tile.first_row + static_cast<int>(threadIdx.x);
    if (threadIdx.x < Tile::kRows && row < tile.rows) {
      float sum = 0.0f;
      for (int64_t group = 0; group < row_groups(tile.columns); ++group) {
        sum += group_sums[group * tile.rows + row];
      }
      log_px[row] = constants.shared.normalizer + sum;
    }
    if constexpr (rule.kHasVariance) {
      if (dlog_variance == nullptr) return;
      if (!last_block_to_arrive(last_ticket, static_cast<uint32_t>(tiles_down))) return;
      const float gradient = log_variance_gradient<Tile::kThreads>(
          rule, log_px, nullptr, tile.rows, tile.columns, constants.shared, scale);
      if (threadIdx.x == 0) dlog_variance[0] = gradient;
    }
  }

  /// The gradients of a tile, and the sums of its rows' groups.
  template <typename Tile, typename Rule>
  __device__ void sum_tile(Rule rule, const StagedTile& tile,
                           const RowConstants<Rule>& constants) const {
    using Place = QuadPlace<Tile>;
    const auto place = Place::here();
    const int column = tile.first_column + place.column;
    const std::size_t rest = column < tile.columns ? tile.columns - column : 0;
    Quad shift = {};
    if (rest > 0) shift = load_quad(bias + column, rest, aligned);
    // All threads take the same turns, because the sums need all lanes.
    for (int base = 0; base < Tile::kRows; base += Place::kRowStep) {
      const int row = tile.first_row + base + place.row;
      float sum = 0.0f;
      if (row < tile.rows && rest > 0) {
        const Quad outputs = staged_quad<Tile>(tile, base + place.row, place.column);
        sum = add_terms(rule, outputs, shift, row, column, tile.columns, constants);
      }
      static_assert(Place::kLanes % kGroupLanes == 0);
      sum = group_sum(sum, kGroupLanes);
      if (row < tile.rows && rest > 0 && column % kSumGroup == 0) {
        group_sums[column / kSumGroup * tile.rows + row] = sum;
      }
    }
  }

  /// The sum of log p over a quad; writes its gradient.
  template <typename Rule>
  __device__ float add_terms(Rule rule, const Quad& outputs, const Quad& shift, int row, int column,
                             int width, const RowConstants<Rule>& constants) const {
    const int image = samples == 1 ? row : row / samples;
    const std::size_t rest = width - column;
    const Quad pixels =
        load_quad(x + static_cast<std::size_t>(image) * width + column, rest, aligned);
    ValueQuad<1> values;
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) values.output[i] = outputs.value[i] + shift.value[i];
    const float sum = quad_log_p(rule, values, pixels, {}, column, rest, constants, scale);
    if (doutputs != nullptr) {
      store_values(doutputs + static_cast<std::size_t>(row) * width + column, values, rest,
                   aligned);
    }
    return sum;
  }
};

}  // namespace vae::cuda
