// SPDX-License-Identifier: MIT
//
// Kernels whose result is a sum over each row, of which a thread takes quads: a narrow row is
// shared by up to 32 neighbouring lanes, a wide one by the block. docs/arithmetic.md, rule 5.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/simt.h"

namespace vae::cuda {

constexpr int kRowThreads = 256;
constexpr int64_t kWideQuads = 64;  // beyond it a small batch would leave most of the card idle

/// How many threads share a row of so many quads.
inline int row_lanes(int64_t quads) { return quads > kWideQuads ? kRowThreads : lanes_of(quads); }

/// `sum` and the groups of the lanes that share a row, right in the row's first lane.
__device__ inline float with_row_groups(float sum, float sum_of_quad, int lanes, unsigned turn) {
  return lanes <= 32 ? with_groups(sum, sum_of_quad, lanes)
                     : with_block_groups<kRowThreads>(sum, sum_of_quad, turn);
}

/// Calls finish(row, sum) in one lane of each row, with the sum over its quads of terms(row, quad).
template <typename Terms, typename Finish>
__device__ inline void sum_rows(std::size_t rows, std::size_t quads, int lanes, Terms terms,
                                Finish finish) {
  const std::size_t lane = threadIdx.x % lanes;
  const std::size_t block_rows = kRowThreads / lanes, stride = block_rows * gridDim.x;
  unsigned turn = 0;
  // All threads take the same turns, because the sums need all lanes.
  for (std::size_t base = block_rows * blockIdx.x; base < rows; base += stride) {
    const std::size_t row = base + threadIdx.x / lanes;
    float sum = 0.0f;
    for (std::size_t first = 0; first < quads; first += lanes) {
      const std::size_t quad = first + lane;
      const float sum_of_quad = row < rows && quad < quads ? terms(row, quad) : 0.0f;
      sum = with_row_groups(sum, sum_of_quad, lanes, turn++);
    }
    if (row < rows && lane == 0) finish(row, sum);
  }
}

}  // namespace vae::cuda
