// SPDX-License-Identifier: MIT
//
// Sums of a tile of C, and in which order those of slices become one: rules 1 to 3 of
// docs/arithmetic.md, which hold in fp32 whatever tile, split and card compute a product.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/cuda/gemm_tile.h"

namespace vae::cuda {

/// Depths of one chain of multiply-adds: a slice of a sum over features, a part of a sum over the
/// rows of a batch.
constexpr int kSliceDepth = 128;

/// Added to any number it changes nothing, not even the sign of a zero.
constexpr float kNothing = -0.0f;

template <typename Tile, typename Visit>
__device__ inline void for_fragments(Visit visit) {
  VAE_UNROLL
  for (int i = 0; i < Tile::kProductsDown; ++i) {
    VAE_UNROLL
    for (int j = 0; j < Tile::kProductsAcross; ++j) visit(i, j);
  }
}

template <typename Tile>
__device__ inline void fill(Sums<Tile>& sums, float value) {
  for_fragments<Tile>([&](int i, int j) {
    VAE_UNROLL
    for (float& sum : sums.of_tile[i][j]) sum = value;
  });
  sums.of_row = value;
}

template <typename Tile>
__device__ inline void add(Sums<Tile>& sums, const Sums<Tile>& others) {
  for_fragments<Tile>([&](int i, int j) {
    VAE_UNROLL
    for (int n = 0; n < 4; ++n) sums.of_tile[i][j][n] += others.of_tile[i][j][n];
  });
  sums.of_row += others.of_row;
}

/// Sums of a block in memory, as its threads hold them: neighbours in threadIdx.x are neighbours.
/// Behind those of the tile are, in a sum over a batch, those of A's rows.
template <typename Tile, typename A>
class SumsInMemory {
 public:
  static constexpr int kTileFloats = Tile::kRows * Tile::kColumns;
  static constexpr int kFloats = kTileFloats + (is_over_batch<A>() ? Tile::kRows : 0);

  __device__ SumsInMemory(float* memory, bool with_rows)
      : memory_(memory), with_row_(is_over_batch<A>() && with_rows && threadIdx.x < Tile::kRows) {}

  /// The sums behind so many others.
  __device__ SumsInMemory operator[](int index) const {
    return {*this, memory_ + static_cast<std::size_t>(index) * kFloats};
  }
  __device__ void store(const Sums<Tile>& sums) const {
    for_fragments<Tile>([&](int i, int j) {
      const float(&d)[4] = sums.of_tile[i][j];
      *quad(i, j) = make_float4(d[0], d[1], d[2], d[3]);
    });
    if (with_row_) memory_[kTileFloats + threadIdx.x] = sums.of_row;
  }
  __device__ void add_to(Sums<Tile>& sums) const {
    for_fragments<Tile>([&](int i, int j) {
      const float4 d = *quad(i, j);
      sums.of_tile[i][j][0] += d.x;
      sums.of_tile[i][j][1] += d.y;
      sums.of_tile[i][j][2] += d.z;
      sums.of_tile[i][j][3] += d.w;
    });
    if (with_row_) sums.of_row += memory_[kTileFloats + threadIdx.x];
  }

 private:
  __device__ SumsInMemory(const SumsInMemory& other, float* memory)
      : memory_(memory), with_row_(other.with_row_) {}
  __device__ float4* quad(int i, int j) const {
    const int fragment = i * Tile::kProductsAcross + j;
    return reinterpret_cast<float4*>(memory_) + fragment * Tile::kThreads + threadIdx.x;
  }

  float* memory_;
  bool with_row_;
};

// Joiners: take() gets the sums of a slice and leaves zeros for the next; after the last slice of
// all, the total. `part_ends` says that it is the last of its part. levels() is how many sums a
// joiner of so many parts keeps in memory.

/// Adds slices 0, 1, 2 ... left to right.
template <typename Tile, typename A>
class ChainOfSlices {
 public:
  __device__ explicit ChainOfSlices(const SumsInMemory<Tile, A>&) { fill(total_, kNothing); }

  __device__ void take(Sums<Tile>& sums, int /*slice*/, bool /*part_ends*/, bool last) {
    add(total_, sums);
    if (last) {
      sums = total_;
    } else {
      fill(sums, 0.0f);
    }
  }

  static constexpr int levels(int64_t) { return 0; }

 private:
  Sums<Tile> total_;
};

/// Adds to the sums of node `index` of a level of the balanced tree those that wait for it, as a
/// binary counter counts: level l of the memory holds the sum of 2^l nodes until that of the next
/// as many has come. What has no partner yet waits there, but for the last one of all.
template <typename Tile, typename A>
__device__ inline void climb(const SumsInMemory<Tile, A>& waiting, Sums<Tile>& sums, int index,
                             bool last) {
  // The levels on which a sum waits are the ones in the number of nodes before this one.
  int level = 0;
  for (; index >> level != 0; ++level) {
    if ((index >> level & 1) != 0) {
      waiting[level].add_to(sums);
    } else if (!last) {
      break;
    }
  }
  if (!last) waiting[level].store(sums);  // without partners the last one has moved up unchanged
}

/// How many levels the climbs of so many nodes use.
constexpr int levels_of(int64_t nodes) {
  return nodes > 1 ? static_cast<int>(std::bit_width(static_cast<uint64_t>(nodes - 1))) : 0;
}

/// Joins parts of one slice each by the balanced tree; an even one waits for the next in registers.
template <typename Tile, typename A>
class TreeOfParts {
 public:
  __device__ explicit TreeOfParts(const SumsInMemory<Tile, A>& waiting) : waiting_(waiting) {
    fill(pair_, kNothing);
  }

  __device__ void take(Sums<Tile>& sums, int part, bool /*part_ends*/, bool last) {
    add(pair_, sums);
    fill(sums, 0.0f);
    if (part % 2 == 0 && !last) return;
    climb(waiting_, pair_, part / 2, last);
    if (last) {
      sums = pair_;
    } else {
      fill(pair_, kNothing);
    }
  }

  static constexpr int levels(int64_t parts) { return levels_of((parts + 1) / 2); }

 private:
  SumsInMemory<Tile, A> waiting_;
  Sums<Tile> pair_;
};

/// Adds the slices of an image left to right, and joins images by the balanced tree.
template <typename Tile, typename A>
class TreeOfImages {
 public:
  __device__ explicit TreeOfImages(const SumsInMemory<Tile, A>& waiting) : waiting_(waiting) {
    fill(image_sum_, kNothing);
  }

  __device__ void take(Sums<Tile>& sums, int /*slice*/, bool image_ends, bool last) {
    add(image_sum_, sums);
    fill(sums, 0.0f);
    if (!image_ends) return;
    climb(waiting_, image_sum_, image_++, last);
    if (last) {
      sums = image_sum_;
    } else {
      fill(image_sum_, kNothing);
    }
  }

  static constexpr int levels(int64_t images) { return levels_of(images); }

 private:
  SumsInMemory<Tile, A> waiting_;
  Sums<Tile> image_sum_;
  int image_ = 0;
};

template <typename Tile, SumOver kSumOver, typename A>
struct JoinerOf {
  using Type = ChainOfSlices<Tile, A>;
};
template <typename Tile, typename A>
struct JoinerOf<Tile, SumOver::batch, A> {
  using Type = TreeOfParts<Tile, A>;
};
template <typename Tile, typename A>
struct JoinerOf<Tile, SumOver::images, A> {
  using Type = TreeOfImages<Tile, A>;
};
template <typename Tile, typename A>
using SliceJoiner = typename JoinerOf<Tile, A::kSumOver, A>::Type;

/// In fp32 a block of a split sum over features leaves each slice's sum, because (s0 + s1) + (s2 +
/// s3) is not ((s0 + s1) + s2) + s3. Over a batch it leaves that of its parts, which are a branch
/// of the tree; in tf32 and bf16 the order is the card's own.
template <Precision kPrecision, typename A>
constexpr bool leaves_slices() {
  return kPrecision == Precision::fp32 && !is_over_batch<A>();
}

}  // namespace vae::cuda
