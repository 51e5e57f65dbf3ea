// SPDX-License-Identifier: MIT
//
// The one kernel of all matrix products, a template of tile, precision, operands and epilogue.
#pragma once

#include <cstddef>

#include "kernels/cuda/gemm_fragments.h"
#include "kernels/cuda/gemm_prologue.h"
#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/instructions.h"

namespace vae::cuda {

/// Adds the product over depths begin .. end - 1. While a tile is multiplied, the next kStages - 1
/// are under way: one barrier per tile says both that it has landed for all threads and that all
/// are done with the one before, whose place the newest copies take.
template <typename Tile, Precision kPrecision, typename A, typename B, typename ALoader,
          typename BLoader>
__device__ inline void add_product(Sums<Tile>& sums, ALoader& a, BLoader& b, float* shared,
                                   int begin, int end, bool with_row_sums) {
  using ASide = SharedA<Tile, A>;
  using BSide = SharedB<Tile, B>;
  float* const a_ring = shared;
  float* const b_ring = shared + Tile::kStages * ASide::kFloats;
  const int steps = (end - begin + Tile::kDepth - 1) / Tile::kDepth;
  for (int step = 0; step < Tile::kStages - 1; ++step) {
    if (step < steps) {
      a.fetch(a_ring + step * ASide::kFloats, begin + step * Tile::kDepth);
      b.fetch(b_ring + step * BSide::kFloats, begin + step * Tile::kDepth);
      a.store(a_ring + step * ASide::kFloats);
    }
    copy_async_commit();  // empty groups keep the count of those under way the same
  }
  int now = 0, next = Tile::kStages - 1;  // places in the ring
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<Tile::kStages - 2>();
    __syncthreads();
    const bool more = step + Tile::kStages - 1 < steps;
    if (more) {
      const int depth = begin + (step + Tile::kStages - 1) * Tile::kDepth;
      a.fetch(a_ring + next * ASide::kFloats, depth);
      b.fetch(b_ring + next * BSide::kFloats, depth);
    }
    copy_async_commit();
    const float* const a_tile = a_ring + now * ASide::kFloats;
    const float* const b_tile = b_ring + now * BSide::kFloats;
    if constexpr (kPrecision == Precision::fp32) {
      add_product_in_fp32<Tile, ASide, BSide>(sums, a_tile, b_tile);
    } else {
      add_product_of_tiles<Tile, kPrecision, ASide, BSide>(sums, a_tile, b_tile);
    }
    if constexpr (A::kHasRowSums) {
      if (with_row_sums) a.add(a_tile);
    }
    if (more) a.store(a_ring + next * ASide::kFloats);
    now = now + 1 == Tile::kStages ? 0 : now + 1;
    next = next + 1 == Tile::kStages ? 0 : next + 1;
  }
}

/// Floats that a block leaves to the one that sums a split product: its tile as its threads hold
/// it, and perhaps its row sums.
template <typename Tile, typename A>
constexpr int partial_floats() {
  return Tile::kRows * Tile::kColumns + (A::kHasRowSums ? Tile::kRows : 0);
}

/// Where thread t of a block keeps fragment (i, j): neighbours in t are neighbours in memory.
template <typename Tile>
__device__ inline std::size_t fragment_at(int i, int j) {
  return 4 *
         (static_cast<std::size_t>(i * Tile::kProductsAcross + j) * Tile::kThreads + threadIdx.x);
}

template <typename Tile>
__device__ inline void store_sums(float* partial, const Sums<Tile>& sums) {
  VAE_UNROLL
  for (int i = 0; i < Tile::kProductsDown; ++i) {
    VAE_UNROLL
    for (int j = 0; j < Tile::kProductsAcross; ++j) {
      const float(&d)[4] = sums[i][j];
      *reinterpret_cast<float4*>(partial + fragment_at<Tile>(i, j)) =
          make_float4(d[0], d[1], d[2], d[3]);
    }
  }
}

template <typename Tile>
__device__ inline void add_sums(Sums<Tile>& sums, const float* partial) {
  VAE_UNROLL
  for (int i = 0; i < Tile::kProductsDown; ++i) {
    VAE_UNROLL
    for (int j = 0; j < Tile::kProductsAcross; ++j) {
      const float4 d = *reinterpret_cast<const float4*>(partial + fragment_at<Tile>(i, j));
      sums[i][j][0] += d.x;
      sums[i][j][1] += d.y;
      sums[i][j][2] += d.z;
      sums[i][j][3] += d.w;
    }
  }
}

/// Each block of a split tile leaves its sums; the last to come adds them all in the order of the
/// slices, so that the result does not depend on which one that was. True in the last one.
template <typename Tile>
__device__ inline bool sum_slices(Sums<Tile>& sums, float& row_sum, bool with_row_sums,
                                  const Work& work, int tile, int slice, std::size_t floats) {
  constexpr std::size_t kTileFloats = std::size_t{Tile::kRows} * Tile::kColumns;
  float* const first = work.partials + static_cast<std::size_t>(tile) * work.slices * floats;
  float* const own = first + static_cast<std::size_t>(slice) * floats;
  const bool has_row = with_row_sums && threadIdx.x < Tile::kRows;
  store_sums<Tile>(own, sums);
  if (has_row) own[kTileFloats + threadIdx.x] = row_sum;
  if (!last_block_to_arrive(work.tickets + tile, static_cast<uint32_t>(work.slices))) return false;
  VAE_UNROLL
  for (int i = 0; i < Tile::kProductsDown; ++i) {
    VAE_UNROLL
    for (int j = 0; j < Tile::kProductsAcross; ++j) {
      VAE_UNROLL
      for (float& d : sums[i][j]) d = 0.0f;
    }
  }
  row_sum = 0.0f;
  for (int s = 0; s < work.slices; ++s) {
    const float* const partial = first + static_cast<std::size_t>(s) * floats;
    add_sums<Tile>(sums, partial);
    if (has_row) row_sum += partial[kTileFloats + threadIdx.x];
  }
  return true;
}

/// Puts the sums where the epilogue finds them by row and column.
template <typename Tile>
__device__ inline void stage(float* staged, const Sums<Tile>& sums) {
  const auto warp = WarpPlace<Tile>::here();
  VAE_UNROLL
  for (int i = 0; i < Tile::kProductsDown; ++i) {
    VAE_UNROLL
    for (int j = 0; j < Tile::kProductsAcross; ++j) {
      float* const at = staged + (warp.row + 16 * i + warp.group) * Tile::kStagedPitch +
                        warp.column + 8 * j + 2 * warp.member;
      const float(&d)[4] = sums[i][j];
      *reinterpret_cast<float2*>(at) = make_float2(d[0], d[1]);
      *reinterpret_cast<float2*>(at + 8 * Tile::kStagedPitch) = make_float2(d[2], d[3]);
    }
  }
}

/// Blocks count through slices, then tile columns, then tile rows.
template <typename Tile, Precision kPrecision, typename A, typename B, typename Epilogue>
__global__ void __launch_bounds__(Tile::kThreads, (resident_blocks<Tile, kPrecision>()))
    dense_kernel(const A a, const B b, const Epilogue epilogue, const Work work) {
  if constexpr (is_compiled_here<kPrecision>()) {
    SharedCarver carver;
    float* const shared = carver.take<float>(shared_floats<Tile, A, B>());
    const int block = static_cast<int>(blockIdx.x);
    const int tile = block / work.slices, slice = block % work.slices;
    const int tile_row = tile / work.tiles_across, tile_column = tile % work.tiles_across;
    const int first_row = tile_row * Tile::kRows, first_column = tile_column * Tile::kColumns;
    const int begin = slice * work.slice_depth;
    const int end = work.depth - begin < work.slice_depth ? work.depth : begin + work.slice_depth;
    bool with_row_sums = false;
    if constexpr (A::kHasRowSums) with_row_sums = a.sums != nullptr && tile_column == 0;

    Sums<Tile> sums = {};
    float row_sum = 0.0f;
    {
      typename A::template Loader<Tile, Tile::kRows> a_loader(a, first_row, end, tile_column == 0);
      typename B::template Loader<Tile, Tile::kColumns> b_loader(b, first_column, end,
                                                                 tile_row == 0);
      add_product<Tile, kPrecision, A, B>(sums, a_loader, b_loader, shared, begin, end,
                                          with_row_sums);
      if constexpr (A::kHasRowSums) {
        if (with_row_sums) row_sum = a_loader.total();
      }
    }
    if (work.slices > 1 && !sum_slices<Tile>(sums, row_sum, with_row_sums, work, tile, slice,
                                             partial_floats<Tile, A>())) {
      return;
    }
    if constexpr (A::kHasRowSums) {
      const int own = first_row + static_cast<int>(threadIdx.x);
      if (with_row_sums && threadIdx.x < Tile::kRows && own < work.rows) a.sums[own] = row_sum;
    }
    __syncthreads();  // all have read the operand tiles that the staged tile overwrites
    stage<Tile>(shared, sums);
    __syncthreads();
    epilogue.template run<Tile>({shared, first_row, first_column, work.rows, work.columns});
  }
}

}  // namespace vae::cuda
