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

/// Multiplies a pair of operand tiles. `depth` is how far from here to the end of the part.
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
  if constexpr (is_over_batch<A>()) {
    if (with_row_sums) add_to_rows<Tile, kPrecision, ASide>(sums, a);
  }
}

/// Whether tiles stop at the ends of parts, which then are images: their slices of 128 are counted
/// from the image's first depth. All other sums have no ends but their own.
template <Precision kPrecision, typename A>
constexpr bool stops_at_images() {
  return kPrecision == Precision::fp32 && A::kSumOver == SumOver::images;
}

/// The depths of a block: begin .. end - 1, in parts of so many.
struct DepthRange {
  int begin, end, part;
};

/// A walk along a range in tiles. Without stops a tile's number says where it begins.
template <typename Tile, bool kStops>
class DepthWalk {
 public:
  __device__ explicit DepthWalk(const DepthRange& range) : begin_(range.begin), end_(range.end) {}

  __device__ int tiles() const { return (end_ - begin_ + Tile::kDepth - 1) / Tile::kDepth; }
  __device__ int depth(int tile) const { return begin_ + tile * Tile::kDepth; }
  __device__ int end() const { return end_; }  // of the part that the tile lies in
  __device__ void advance() {}
  /// The number of a tile in its part.
  __device__ int in_part(int tile) const { return tile; }

 private:
  int begin_, end_;
};

template <typename Tile>
class DepthWalk<Tile, true> {
 public:
  __device__ explicit DepthWalk(const DepthRange& range)
      : depth_(range.begin),
        end_(range.begin + range.part),
        part_(range.part),
        parts_((range.end - range.begin) / range.part) {}

  __device__ int tiles() const { return parts_ * ((part_ + Tile::kDepth - 1) / Tile::kDepth); }
  __device__ int depth(int) const { return depth_; }
  __device__ int end() const { return end_; }
  __device__ void advance() {
    depth_ += Tile::kDepth;
    if (depth_ < end_) return;
    depth_ = end_;
    end_ += part_;
  }
  __device__ int in_part(int) const { return (depth_ - end_ + part_) / Tile::kDepth; }

 private:
  int depth_, end_, part_, parts_;
};

/// Adds the product over a range of depths. While a tile is multiplied, the next kStages - 1
/// are under way: one barrier per tile says both that it has landed for all threads and that all
/// are done with the one before, whose place the newest copies take. In fp32,
/// end_slice(n, part_ends, last) follows slice n of the part, or of these depths.
template <typename Tile, Precision kPrecision, typename A, typename B, typename ALoader,
          typename BLoader, typename EndSlice>
__device__ inline void add_product(Sums<Tile>& sums, ALoader& a, BLoader& b, float* shared,
                                   const DepthRange& range, bool with_row_sums,
                                   EndSlice end_slice) {
  using ASide = SharedA<Tile, A>;
  using BSide = SharedB<Tile, B>;
  using Walk = DepthWalk<Tile, stops_at_images<kPrecision, A>()>;
  constexpr int kSliceSteps = kSliceDepth / Tile::kDepth;
  static_assert(kSliceSteps * Tile::kDepth == kSliceDepth);
  float* const a_ring = shared;
  float* const b_ring = shared + Tile::kStages * ASide::kFloats;
  Walk ahead(range), here(range);
  const int steps = here.tiles();
  for (int step = 0; step < Tile::kStages - 1; ++step) {
    if (step < steps) {
      a.fetch(a_ring + step * ASide::kFloats, ahead.depth(step), ahead.end());
      b.fetch(b_ring + step * BSide::kFloats, ahead.depth(step), ahead.end());
      a.store(a_ring + step * ASide::kFloats);
      ahead.advance();
    }
    copy_async_commit();  // empty groups keep the count of those under way the same
  }
  int now = 0, next = Tile::kStages - 1;  // places in the ring
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<Tile::kStages - 2>();
    __syncthreads();
    const bool more = step + Tile::kStages - 1 < steps;
    if (more) {
      const int depth = ahead.depth(step + Tile::kStages - 1);
      a.fetch(a_ring + next * ASide::kFloats, depth, ahead.end());
      b.fetch(b_ring + next * BSide::kFloats, depth, ahead.end());
      ahead.advance();
    }
    copy_async_commit();
    multiply<Tile, kPrecision, A, B>(sums, a_ring + now * ASide::kFloats,
                                     b_ring + now * BSide::kFloats, here.end() - here.depth(step),
                                     with_row_sums);
    if (more) a.store(a_ring + next * ASide::kFloats);
    if constexpr (kPrecision == Precision::fp32) {
      const bool last = step + 1 == steps;
      const bool part_ends = last || here.end() - here.depth(step) <= Tile::kDepth;
      const int in_part = here.in_part(step);
      if (part_ends || in_part % kSliceSteps == kSliceSteps - 1) {
        end_slice(in_part / kSliceSteps, part_ends, last);
      }
    }
    here.advance();
    now = now + 1 == Tile::kStages ? 0 : now + 1;
    next = next + 1 == Tile::kStages ? 0 : next + 1;
  }
}

/// What a block has of the work.
struct BlockPlace {
  int tile;  // of those of this launch
  int split;
  int row, column;  // of the product, where its tile begins
  DepthRange range;

  template <typename Tile>
  __device__ static BlockPlace of(const Work& work, int block) {
    const int tile = block / work.splits, split = block % work.splits;
    const int begin = split * work.split_depth, rest = work.depth - begin;
    return {tile,
            split,
            (work.first_tile + tile) / work.tiles_across * Tile::kRows,
            (work.first_tile + tile) % work.tiles_across * Tile::kColumns,
            {begin, begin + (rest < work.split_depth ? rest : work.split_depth), work.part}};
  }
};

/// The product of a block's tile over its depths. Of a split one it leaves the sums in memory.
template <typename Tile, Precision kPrecision, typename A, typename B>
__device__ inline void sum_block(Sums<Tile>& sums, const A& a, const B& b, float* shared,
                                 const BlockPlace& place, const Work& work,
                                 const SumsInMemory<Tile, A>& left,
                                 const SumsInMemory<Tile, A>& kept) {
  const bool first_column = place.column == 0;
  typename A::template Loader<Tile, Tile::kRows> a_loader(a, place.row, first_column);
  typename B::template Loader<Tile, Tile::kColumns> b_loader(b, place.column, place.row == 0);
  SliceJoiner<Tile, A> joiner(kept);
  const auto end_slice = [&](int slice, bool part_ends, bool last) {
    if (leaves_slices<kPrecision, A>() && work.splits > 1) {
      left[place.range.begin / kSliceDepth + slice].store(sums);
      fill(sums, 0.0f);
    } else {
      joiner.take(sums, slice, part_ends, last);
    }
  };
  add_product<Tile, kPrecision, A, B>(sums, a_loader, b_loader, shared, place.range, first_column,
                                      end_slice);
  if (!leaves_slices<kPrecision, A>() && work.splits > 1) left[place.split].store(sums);
}

/// The sum of what the blocks of a tile have left, whichever of them came last.
template <typename Tile, Precision kPrecision, typename A>
__device__ inline void join_blocks(Sums<Tile>& sums, int count, const SumsInMemory<Tile, A>& left,
                                   const SumsInMemory<Tile, A>& kept) {
  if constexpr (kPrecision == Precision::fp32 && is_over_batch<A>()) {
    TreeOfParts<Tile, A> tree(kept);
    for (int i = 0; i < count; ++i) {
      fill(sums, kNothing);
      left[i].add_to(sums);
      tree.take(sums, i, true, i == count - 1);
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
      vector_at<float2>(at) = make_float2(d[0], d[1]);
      vector_at<float2>(at + 8 * Tile::kStagedPitch) = make_float2(d[2], d[3]);
    }
  }
}

/// What a block does: finish(staged tile) follows where the sum is whole. Blocks count through
/// splits, then tile columns, then tile rows.
template <typename Tile, Precision kPrecision, typename A, typename B, typename Finish>
__device__ inline void compute_block(const A& a, const B& b, const Work& work, int block,
                                     Finish finish) {
  SharedCarver carver;
  float* const shared = carver.take<float>(shared_floats<Tile, A, B>());
  const auto place = BlockPlace::of<Tile>(work, block);
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
  if constexpr (is_over_batch<A>()) {
    const int row = place.row + static_cast<int>(threadIdx.x);
    if (place.column == 0 && threadIdx.x < Tile::kRows && row < work.rows && a.sums != nullptr) {
      a.store_sum(row, sums.of_row);
    }
  }
  __syncthreads();  // all have read the operand tiles that the staged tile overwrites
  stage<Tile>(shared, sums);
  __syncthreads();
  finish(StagedTile{shared, place.row, place.column, work.rows, work.columns});
}

template <typename Tile, Precision kPrecision, typename A, typename B, typename Epilogue>
__global__ void __launch_bounds__(Tile::kThreads, (resident_blocks<Tile, kPrecision>()))
    dense_kernel(const A a, const B b, const Epilogue epilogue, const Work work) {
  if constexpr (is_compiled_here<kPrecision>()) {
    compute_block<Tile, kPrecision>(
        a, b, work, static_cast<int>(blockIdx.x),
        [&](const StagedTile& tile) { epilogue.template run<Tile>(tile); });
  }
}

}  // namespace vae::cuda
