// SPDX-License-Identifier: MIT
//
// The one kernel of all matrix products, a template of tile, precision, operands and epilogue.
#pragma once

#include "kernels/cuda/gemm_fragments.h"
#include "kernels/cuda/gemm_prologue.h"
#include "kernels/cuda/gemm_sums.h"
#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/instructions.h"

namespace vae::cuda {

/// Multiplies a pair of operand tiles. `depth` is how far from here to the end of the sum.
template <typename Tile, Precision kPrecision, typename A, typename B>
__device__ inline void multiply(Sums<Tile>& sums, float* a, const float* b, int depth,
                                bool with_row_sums) {
  using ASide = SharedA<Tile, A>;
  using BSide = SharedB<Tile, B>;
  if constexpr (kPrecision == Precision::fp32) {
    if (depth < Tile::kDepth) {
      negate_padding<Tile, ASide>(a, depth);
      __syncthreads();
    }
    add_product_in_fp32<Tile, ASide, BSide>(sums, a, b);
  } else {
    add_product_of_tiles<Tile, kPrecision, ASide, BSide>(sums, a, b);
  }
  if constexpr (A::kOverBatch) {
    if (with_row_sums) add_to_rows<Tile, kPrecision, ASide>(sums, a);
  }
}

/// Adds the product over depths begin .. end - 1. While a tile is multiplied, the next kStages - 1
/// are under way: one barrier per tile says both that it has landed for all threads and that all
/// are done with the one before, whose place the newest copies take. In fp32, end_slice(n, last)
/// follows slice n of these depths.
template <typename Tile, Precision kPrecision, typename A, typename B, typename ALoader,
          typename BLoader, typename EndSlice>
__device__ inline void add_product(Sums<Tile>& sums, ALoader& a, BLoader& b, float* shared,
                                   int begin, int end, bool with_row_sums, EndSlice end_slice) {
  using ASide = SharedA<Tile, A>;
  using BSide = SharedB<Tile, B>;
  constexpr int kSliceSteps = kSliceDepth / Tile::kDepth;
  static_assert(kSliceSteps * Tile::kDepth == kSliceDepth);
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
    multiply<Tile, kPrecision, A, B>(sums, a_ring + now * ASide::kFloats,
                                     b_ring + now * BSide::kFloats,
                                     end - begin - step * Tile::kDepth, with_row_sums);
    if (more) a.store(a_ring + next * ASide::kFloats);
    if constexpr (kPrecision == Precision::fp32) {
      const bool last = step + 1 == steps;
      if (last || step % kSliceSteps == kSliceSteps - 1) end_slice(step / kSliceSteps, last);
    }
    now = now + 1 == Tile::kStages ? 0 : now + 1;
    next = next + 1 == Tile::kStages ? 0 : next + 1;
  }
}

/// What a block has of the work.
struct BlockPlace {
  int tile;  // of those of this launch
  int split;
  int row, column;  // of C, where its tile begins
  int begin, end;   // depths

  template <typename Tile>
  __device__ static BlockPlace here(const Work& work) {
    const int block = static_cast<int>(blockIdx.x);
    const int tile = block / work.splits, split = block % work.splits;
    const int begin = split * work.split_depth, rest = work.depth - begin;
    return {tile,
            split,
            (work.first_tile + tile) / work.tiles_across * Tile::kRows,
            (work.first_tile + tile) % work.tiles_across * Tile::kColumns,
            begin,
            begin + (rest < work.split_depth ? rest : work.split_depth)};
  }
};

/// The product of a block's tile over its depths. Of a split one it leaves the sums in memory.
template <typename Tile, Precision kPrecision, typename A, typename B>
__device__ inline void sum_block(Sums<Tile>& sums, const A& a, const B& b, float* shared,
                                 const BlockPlace& place, const Work& work,
                                 const SumsInMemory<Tile, A>& left,
                                 const SumsInMemory<Tile, A>& kept) {
  const bool first_column = place.column == 0;
  typename A::template Loader<Tile, Tile::kRows> a_loader(a, place.row, place.end, first_column);
  typename B::template Loader<Tile, Tile::kColumns> b_loader(b, place.column, place.end,
                                                             place.row == 0);
  SliceJoiner<Tile, A> joiner(kept);
  const auto end_slice = [&](int slice, bool last) {
    if (leaves_slices<kPrecision, A>() && work.splits > 1) {
      left[place.begin / kSliceDepth + slice].store(sums);
      fill(sums, 0.0f);
    } else {
      joiner.take(sums, slice, last);
    }
  };
  add_product<Tile, kPrecision, A, B>(sums, a_loader, b_loader, shared, place.begin, place.end,
                                      first_column, end_slice);
  if (!leaves_slices<kPrecision, A>() && work.splits > 1) left[place.split].store(sums);
}

/// The sum of what the blocks of a tile have left, whichever of them came last.
template <typename Tile, Precision kPrecision, typename A>
__device__ inline void join_blocks(Sums<Tile>& sums, int count, const SumsInMemory<Tile, A>& left,
                                   const SumsInMemory<Tile, A>& kept) {
  if constexpr (kPrecision == Precision::fp32 && A::kOverBatch) {
    TreeOfParts<Tile, A> tree(kept);
    for (int i = 0; i < count; ++i) {
      fill(sums, kNothing);
      left[i].add_to(sums);
      tree.take(sums, i, i == count - 1);
    }
  } else {
    fill(sums, kNothing);
    for (int i = 0; i < count; ++i) left[i].add_to(sums);
  }
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
      const float(&d)[4] = sums.of_tile[i][j];
      *reinterpret_cast<float2*>(at) = make_float2(d[0], d[1]);
      *reinterpret_cast<float2*>(at + 8 * Tile::kStagedPitch) = make_float2(d[2], d[3]);
    }
  }
}

/// Blocks count through splits, then tile columns, then tile rows.
template <typename Tile, Precision kPrecision, typename A, typename B, typename Epilogue>
__global__ void __launch_bounds__(Tile::kThreads, (resident_blocks<Tile, kPrecision>()))
    dense_kernel(const A a, const B b, const Epilogue epilogue, const Work work) {
  if constexpr (is_compiled_here<kPrecision>()) {
    SharedCarver carver;
    float* const shared = carver.take<float>(shared_floats<Tile, A, B>());
    const auto place = BlockPlace::here<Tile>(work);
    const SumsInMemory<Tile, A> memory(work.memory, place.column == 0);
    const SumsInMemory<Tile, A> left = memory[place.tile * (work.left + work.splits * work.kept)];
    const SumsInMemory<Tile, A> kept = left[work.left + place.split * work.kept];

    Sums<Tile> sums = {};
    sum_block<Tile, kPrecision>(sums, a, b, shared, place, work, left, kept);
    if (work.splits > 1) {
      if (!last_block_to_arrive(work.tickets + place.tile, static_cast<uint32_t>(work.splits))) {
        return;
      }
      join_blocks<Tile, kPrecision>(sums, work.left, left, kept);
    }
    if constexpr (A::kOverBatch) {
      const int row = place.row + static_cast<int>(threadIdx.x);
      if (place.column == 0 && threadIdx.x < Tile::kRows && row < work.rows) {
        a.sums[row] = sums.of_row;
      }
    }
    __syncthreads();  // all have read the operand tiles that the staged tile overwrites
    stage<Tile>(shared, sums);
    __syncthreads();
    epilogue.template run<Tile>({shared, place.row, place.column, work.rows, work.columns});
  }
}

}  // namespace vae::cuda
