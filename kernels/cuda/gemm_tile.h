// SPDX-License-Identifier: MIT
//
// Matrix products C[M, N] = A[M, K] B[N, K]^T in tiles: a block computes one tile of C, in steps of
// kDepth along K, from a ring of kStages pairs of operand tiles in shared memory.
#pragma once

#include <algorithm>

#include "kernels/cuda/simt.h"
#include "vae/device.h"

namespace vae::cuda {

/// Which index of an operand runs along its rows in memory: the one summed over, or its own.
enum class Major { depth, extent };

/// What a product sums over: features; the rows of a batch, then the sums of A's own rows may be
/// wanted too; or, just so, positions in the images of a batch.
enum class SumOver { features, batch, images };

template <typename A>
constexpr bool is_over_batch() {
  return A::kSumOver != SumOver::features;
}

/// What a block computes. Its warps form a grid; each has a part of kWarpRows x kWarpColumns, made
/// of products of 16 x 8 as the tensor cores have them. kResident blocks at a time shall fit
/// a multiprocessor's registers.
template <int kRows_, int kColumns_, int kDepth_, int kWarpsDown, int kWarpsAcross_, int kStages_,
          int kResident_>
struct Tile {
  static constexpr int kRows = kRows_, kColumns = kColumns_, kDepth = kDepth_;
  static constexpr int kStages = kStages_, kWarpsAcross = kWarpsAcross_;
  static constexpr int kResident = kResident_;
  static constexpr int kThreads = 32 * kWarpsDown * kWarpsAcross;
  static constexpr int kWarpRows = kRows / kWarpsDown, kWarpColumns = kColumns / kWarpsAcross;
  static constexpr int kProductsDown = kWarpRows / 16, kProductsAcross = kWarpColumns / 8;
  static_assert(kRows % (16 * kWarpsDown) == 0 && kColumns % (16 * kWarpsAcross) == 0);
  static_assert(kDepth % 16 == 0 && kStages >= 2);
  // What waits for the epilogue; the pitch lets half a warp store pairs without bank conflicts.
  static constexpr int kStagedPitch = kColumns + 8;
  static constexpr int kStagedFloats = kRows * kStagedPitch;
};

// A narrow layer of a small batch has few tiles, and the time of a block is what it waits for
// memory: many small tiles. Wide layers are bound by arithmetic, and a large tile reads less for
// it. 82 KiB of shared memory fit twice on sm_80 and sm_90, once on sm_86, sm_89 and sm_120.
using SmallTile = Tile<32, 32, 32, 2, 2, 4, 4>;
using MediumTile = Tile<64, 64, 32, 2, 2, 3, 3>;
using LargeTile = Tile<128, 128, 16, 2, 4, 4, 2>;

/// What a thread has of a tile.
template <typename Tile>
struct Sums {
  // Of its warp's part: 16 x 8 products by row and column, each a fragment d of instructions.h.
  float of_tile[Tile::kProductsDown][Tile::kProductsAcross][4];
  float of_row;  // of A's row threadIdx.x, in the first kRows threads, where they are wanted
};

/// An operand's tile in shared memory, as it lies in global memory. Pitches are such that the 32
/// loads of a fragment hit 32 banks: 4 modulo 32 (or 20) where lane 4 g + t reads [g][t], 8 where
/// it reads [t][g]; and multiples of 4, so that copies of 16 bytes are aligned.
template <Major kMajor_, int kExtent, int kDepth>
struct SharedTile {
  static constexpr Major kMajor = kMajor_;
  static constexpr int kPitch = kMajor == Major::depth ? kDepth + 4 : kExtent + 8;
  static constexpr int kFloats = (kMajor == Major::depth ? kExtent : kDepth) * kPitch;

  __host__ __device__ static constexpr int at(int own, int k) {
    return kMajor == Major::depth ? own * kPitch + k : k * kPitch + own;
  }
};

template <typename Tile, typename A>
using SharedA = SharedTile<A::kMajor, Tile::kRows, Tile::kDepth>;
template <typename Tile, typename B>
using SharedB = SharedTile<B::kMajor, Tile::kColumns, Tile::kDepth>;

/// The ring of operand tiles; the finished tile of C lies in the same memory later.
template <typename Tile, typename A, typename B>
constexpr int shared_floats() {
  return std::max(Tile::kStages * (SharedA<Tile, A>::kFloats + SharedB<Tile, B>::kFloats),
                  Tile::kStagedFloats);
}

/// The part of C that a thread's warp has.
template <typename Tile>
struct WarpPlace {
  int row, column;    // of the tile
  int group, member;  // lane = 4 group + member, as the fragments count

  __device__ static WarpPlace here() {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    return {warp / Tile::kWarpsAcross * Tile::kWarpRows,
            warp % Tile::kWarpsAcross * Tile::kWarpColumns, lane / 4, lane % 4};
  }
};

/// A finished tile of C in shared memory, and where it belongs.
struct StagedTile {
  const float* values;  // [kRows][kStagedPitch]
  int first_row, first_column;
  int rows, columns;  // M, N

  /// Where a row of the product lies in C.
  __device__ static int row_in_c(int row) { return row; }
};

/// What a launch computes and how the work is cut. Sums in `memory`, of each tile: those that its
/// blocks leave to the last of them to come, then what each block keeps while it joins parts.
struct Work {
  int rows, columns, depth;  // M, N, K
  int tiles_across;
  int first_tile;           // of this launch
  int splits, split_depth;  // the blocks of a tile, each with so much of K
  int part;                 // depths of an image, in a sum over images
  int left, kept;           // sums that they leave together; that each keeps
  float* memory;            // [tiles of this launch, left + splits * kept] sums of a tile
  uint32_t* tickets;        // [tiles of this launch], zero between launches
};

/// In fp32 a thread of a large tile needs more than 128 registers.
template <typename Tile, Precision kPrecision>
constexpr int resident_blocks() {
  return kPrecision == Precision::fp32 && Tile::kThreads >= 256 ? 1 : Tile::kResident;
}

/// Cards before sm_80 have no tensor cores for these formats: there only fp32 is compiled.
template <Precision kPrecision>
constexpr bool is_compiled_here() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
  return kPrecision == Precision::fp32;
#else
  return true;
#endif
}

}  // namespace vae::cuda
