// SPDX-License-Identifier: MIT
//
// Operands of a product: where they come from and how a block brings their tiles into shared
// memory. An operand has kMajor, kSumOver and a Loader<Tile, kExtent> with
//   fetch(shared, depth, end)   begins to bring the tile at `depth`, before the block multiplies
//                               another
//   store(shared)               ends it, after the block has multiplied
// Several blocks load the same rows; one of them is the `leader`. Outside the matrix, and from
// `end` on, tiles hold zeros.
#pragma once

#include <cstddef>

#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/instructions.h"

namespace vae::cuda {

/// Copies tiles of a matrix that lies in memory.
template <typename Tile, int kExtent, typename Operand>
class MatrixLoader {
 public:
  /// Of rows `first` on.
  __device__ MatrixLoader(const Operand& operand, int first, bool /*leader*/)
      : operand_(operand), first_(first) {}

  __device__ void fetch(float* shared, int depth, int end) {
    if (operand_.in_quads) {
      VAE_UNROLL
      for (int i = 0; i < kQuads; i += Tile::kThreads) copy<4>(shared, depth, end, i + threadIdx.x);
    } else {
      // Not unrolled: the addresses of so many small copies would take a hundred registers.
      for (unsigned i = threadIdx.x; i < 4 * kQuads; i += blockDim.x) {
        copy<1>(shared, depth, end, i);
      }
    }
  }
  __device__ void store(float*) {}

 protected:
  using Shared = SharedTile<Operand::kMajor, kExtent, Tile::kDepth>;

 private:
  static constexpr int kQuads = kExtent * Tile::kDepth / 4;
  static_assert(kQuads % Tile::kThreads == 0);

  template <unsigned kFloats>
  __device__ void copy(float* shared, int depth, int end, unsigned piece) const {
    constexpr bool kAlongDepth = Operand::kMajor == Major::depth;
    constexpr unsigned kInLine = (kAlongDepth ? Tile::kDepth : kExtent) / kFloats;
    const int line = static_cast<int>(piece / kInLine);
    const int inner = static_cast<int>(piece % kInLine * kFloats);
    const int own = kAlongDepth ? line : inner, k = kAlongDepth ? inner : line;
    const bool valid = first_ + own < operand_.extent && depth + k < end;
    const std::size_t offset = valid ? operand_.offset(first_ + own, depth + k) : 0;
    copy_async<4 * kFloats>(shared + Shared::at(own, k), operand_.data + offset, valid);
  }

  const Operand operand_;
  const int first_;
};

/// A matrix in memory: [extent, depth] or [depth, extent].
template <Major kMajor_>
struct MatrixOperand {
  static constexpr Major kMajor = kMajor_;
  static constexpr SumOver kSumOver = SumOver::features;
  template <typename Tile, int kExtent>
  using Loader = MatrixLoader<Tile, kExtent, MatrixOperand>;

  const float* data;
  int extent;
  std::size_t pitch;
  bool in_quads;  // address and pitch are multiples of 16 bytes

  __device__ std::size_t offset(int own, int k) const {
    const auto i = static_cast<std::size_t>(own), j = static_cast<std::size_t>(k);
    return kMajor == Major::depth ? i * pitch + j : j * pitch + i;
  }
};

/// The weights [2Z, depth] of the two heads with their rows interleaved: column n of the product is
/// mu of latent n / 2 where n is even, its logvar where n is odd.
struct HeadsOperand {
  static constexpr Major kMajor = Major::depth;
  static constexpr SumOver kSumOver = SumOver::features;
  template <typename Tile, int kExtent>
  using Loader = MatrixLoader<Tile, kExtent, HeadsOperand>;

  const float* data;
  int extent;
  std::size_t pitch;
  bool in_quads;

  __device__ std::size_t offset(int own, int k) const {
    const int row = own / 2 + own % 2 * (extent / 2);
    return static_cast<std::size_t>(row) * pitch + static_cast<std::size_t>(k);
  }
};

/// The gradients [B, extent] of a layer's outputs, in a sum over the rows of the batch. Their own
/// sums are the bias gradient: the blocks of the first tile column make them from what they load
/// anyway.
struct BatchOperand : MatrixOperand<Major::extent> {
  static constexpr SumOver kSumOver = SumOver::batch;

  float* sums;      // [extent] out, or null
  bool accumulate;  // to what is there

  __device__ void store_sum(int row, float sum) const {
    sums[row] = accumulate ? sums[row] + sum : sum;
  }
};

/// The same where a row of the batch has many positions: [B positions, extent].
struct ImagesOperand : BatchOperand {
  static constexpr SumOver kSumOver = SumOver::images;
};

}  // namespace vae::cuda
