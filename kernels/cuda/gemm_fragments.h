// SPDX-License-Identifier: MIT
//
// From operand tiles in shared memory to products, in each precision. All three keep a thread's
// sums at the same places of C, so that what follows the product exists once.
//
// Tiles hold fp32; factors are rounded when they are loaded into fragments. Which k an element of a
// fragment stands for is free as long as A and B agree: a bf16 fragment of depth 16 is made of two
// tf32 fragments of depth 8, whose elements t and t + 4 of a row become one register.
#pragma once

#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/instructions.h"
#include "kernels/math.h"

namespace vae::cuda {

/// The fp32 bits of A[row .. row + 15][k .. k + 7] in the layout of mma_tf32.
template <typename Shared>
__device__ inline void load_a(uint32_t (&a)[4], const float* shared, int row, int k) {
  const int lane = threadIdx.x % 32;
  if constexpr (Shared::kMajor == Major::depth) {
    // A row of an 8 x 8 matrix of 16-bit elements is four neighbours in k.
    load_matrix_x4(a, shared + Shared::at(row + lane % 16, k + lane / 16 * 4));
  } else {
    const int g = lane / 4, t = lane % 4;
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      a[i] = __float_as_uint(shared[Shared::at(row + g + i % 2 * 8, k + t + i / 2 * 4)]);
    }
  }
}

/// The same of B[column .. column + 15][k .. k + 7]: two fragments.
template <typename Shared>
__device__ inline void load_b_pair(uint32_t (&b)[4], const float* shared, int column, int k) {
  const int lane = threadIdx.x % 32;
  if constexpr (Shared::kMajor == Major::depth) {
    const int own = column + lane / 16 * 8 + lane % 8;
    load_matrix_x4(b, shared + Shared::at(own, k + lane / 8 % 2 * 4));
  } else {
    const int g = lane / 4, t = lane % 4;
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      b[i] = __float_as_uint(shared[Shared::at(column + i / 2 * 8 + g, k + t + i % 2 * 4)]);
    }
  }
}

/// The tensor core instruction of a precision: its depth, its operands, itself.
template <Precision kPrecision>
struct TensorCore;

template <>
struct TensorCore<Precision::tf32> {
  static constexpr int kDepth = 8;

  template <typename Shared>
  __device__ static void a(uint32_t (&a)[4], const float* shared, int row, int k) {
    load_a<Shared>(a, shared, row, k);
    round(a);
  }
  template <typename Shared>
  __device__ static void b_pair(uint32_t (&b)[4], const float* shared, int column, int k) {
    load_b_pair<Shared>(b, shared, column, k);
    round(b);
  }
  __device__ static void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    mma_tf32(d, a, b);
  }

 private:
  __device__ static void round(uint32_t (&bits)[4]) {
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) bits[i] = to_tf32(__uint_as_float(bits[i]));
  }
};

template <>
struct TensorCore<Precision::bf16> {
  static constexpr int kDepth = 16;

  template <typename Shared>
  __device__ static void a(uint32_t (&a)[4], const float* shared, int row, int k) {
    uint32_t low[4], high[4];
    load_a<Shared>(low, shared, row, k);
    load_a<Shared>(high, shared, row, k + 8);
    VAE_UNROLL
    for (int i = 0; i < 2; ++i) {
      a[i] = packed(low[i], low[i + 2]);
      a[i + 2] = packed(high[i], high[i + 2]);
    }
  }
  template <typename Shared>
  __device__ static void b_pair(uint32_t (&b)[4], const float* shared, int column, int k) {
    uint32_t low[4], high[4];
    load_b_pair<Shared>(low, shared, column, k);
    load_b_pair<Shared>(high, shared, column, k + 8);
    VAE_UNROLL
    for (int i = 0; i < 4; i += 2) {
      b[i] = packed(low[i], low[i + 1]);
      b[i + 1] = packed(high[i], high[i + 1]);
    }
  }
  __device__ static void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    mma_bf16(d, a, b);
  }

 private:
  __device__ static uint32_t packed(uint32_t first, uint32_t second) {
    return to_bf16x2(__uint_as_float(first), __uint_as_float(second));
  }
};

/// Adds the product of two operand tiles to the sums, on tensor cores.
template <typename Tile, Precision kPrecision, typename ASide, typename BSide>
__device__ inline void add_product_of_tiles(Sums<Tile>& sums, const float* a, const float* b) {
  using Core = TensorCore<kPrecision>;
  const auto warp = WarpPlace<Tile>::here();
  VAE_UNROLL
  for (int k = 0; k < Tile::kDepth; k += Core::kDepth) {
    uint32_t a_parts[Tile::kProductsDown][4], b_parts[Tile::kProductsAcross][2];
    VAE_UNROLL
    for (int i = 0; i < Tile::kProductsDown; ++i) {
      Core::template a<ASide>(a_parts[i], a, warp.row + 16 * i, k);
    }
    VAE_UNROLL
    for (int j = 0; j < Tile::kProductsAcross; j += 2) {
      uint32_t pair[4];
      Core::template b_pair<BSide>(pair, b, warp.column + 8 * j, k);
      VAE_UNROLL
      for (int i = 0; i < 4; ++i) b_parts[j + i / 2][i % 2] = pair[i];
    }
    VAE_UNROLL
    for (int i = 0; i < Tile::kProductsDown; ++i) {
      VAE_UNROLL
      for (int j = 0; j < Tile::kProductsAcross; ++j) {
        Core::multiply(sums.of_tile[i][j], a_parts[i], b_parts[j]);
      }
    }
  }
}

/// Four neighbours in k of one row of an operand.
template <typename Shared>
__device__ inline void load_four(float (&values)[4], const float* shared, int own, int k) {
  if constexpr (Shared::kMajor == Major::depth) {
    const float4 all = vector_at<float4>(shared + Shared::at(own, k));
    values[0] = all.x;
    values[1] = all.y;
    values[2] = all.z;
    values[3] = all.w;
  } else {
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) values[i] = shared[Shared::at(own, k + i)];
  }
}

/// The same in fp32: fused multiply-adds in ascending k.
template <typename Tile, typename ASide, typename BSide>
__device__ inline void add_product_in_fp32(Sums<Tile>& sums, const float* a, const float* b) {
  const auto warp = WarpPlace<Tile>::here();
  const int row = warp.row + warp.group, column = warp.column + 2 * warp.member;
  for (int k = 0; k < Tile::kDepth; k += 4) {
    float b_values[Tile::kProductsAcross][2][4];
    VAE_UNROLL
    for (int j = 0; j < 2 * Tile::kProductsAcross; ++j) {
      load_four<BSide>(b_values[j / 2][j % 2], b, column + j / 2 * 8 + j % 2, k);
    }
    VAE_UNROLL
    for (int i = 0; i < 2 * Tile::kProductsDown; ++i) {
      float a_values[4];
      load_four<ASide>(a_values, a, row + 8 * i, k);
      VAE_UNROLL
      for (int n = 0; n < 4; ++n) {
        VAE_UNROLL
        for (int j = 0; j < 2 * Tile::kProductsAcross; ++j) {
          float& sum = sums.of_tile[i / 2][j / 2][i % 2 * 2 + j % 2];
          sum = fused_multiply_add(a_values[n], b_values[j / 2][j % 2][n], sum);
        }
      }
    }
  }
}

/// Makes of the zeros that stand in a tile of A for depths from `depth` on negative ones: minus
/// zero times the zero of B, added to a sum, leaves it as it is, be it a negative zero.
template <typename Tile, typename ASide>
__device__ inline void negate_padding(float* a, int depth) {
  const int count = Tile::kRows * (Tile::kDepth - depth);
  for (int i = threadIdx.x; i < count; i += Tile::kThreads) {
    a[ASide::at(i % Tile::kRows, depth + i / Tile::kRows)] = -0.0f;
  }
}

/// Adds the values of a tile of A to the sums of its rows: in fp32 one after the other.
template <typename Tile, Precision kPrecision, typename ASide>
__device__ inline void add_to_rows(Sums<Tile>& sums, const float* a) {
  static_assert(Tile::kRows <= Tile::kThreads);
  const int row = static_cast<int>(threadIdx.x);
  if (row >= Tile::kRows) return;
  constexpr bool kOneChain = kPrecision == Precision::fp32;
  float sum = kOneChain ? sums.of_row : 0.0f;
  for (int k = 0; k < Tile::kDepth; ++k) sum += a[ASide::at(row, k)];
  sums.of_row = kOneChain ? sum : sums.of_row + sum;
}

}  // namespace vae::cuda
