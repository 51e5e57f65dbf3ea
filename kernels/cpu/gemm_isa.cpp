// SPDX-License-Identifier: MIT
//
// The matrix product of builds without oneDNN: a panel of b is packed, then blocks of four rows by
// two vectors of c stay in registers, eight sums that hide the latency of the multiply-adds.
#include "kernels/cpu/vector_ops_isa.h"

namespace vae::cpu::VAE_ISA_NAMESPACE {

namespace {

constexpr int64_t kRows = 4;
constexpr int64_t kPanelVectors = 2;
constexpr int64_t kPanel = kPanelVectors * kFloats;  // columns of c held in registers
constexpr int64_t kDepth = 256;  // terms summed before c is touched: a panel fits in L1

struct Strides {
  int64_t row, column;
};

/// c[0 .. kBlockRows) [0 .. columns) = or += a [kBlockRows, depth] times a packed panel of b.
template <int64_t kBlockRows>
inline void multiply_block(float* c, int64_t ldc, const float* a, Strides stride,
                           const float* panel, int64_t depth, int64_t columns, bool overwrite) {
  FloatVector sum[kBlockRows][kPanelVectors] = {};
  for (int64_t p = 0; p < depth; ++p) {
    const FloatVector b0 = load<FloatVector>(panel + p * kPanel);
    const FloatVector b1 = load<FloatVector>(panel + p * kPanel + kFloats);
    VAE_UNROLL
    for (int64_t r = 0; r < kBlockRows; ++r) {
      const FloatVector factor = FloatVector{} + a[r * stride.row + p * stride.column];
      sum[r][0] = multiply_add(factor, b0, sum[r][0]);
      sum[r][1] = multiply_add(factor, b1, sum[r][1]);
    }
  }
  for (int64_t r = 0; r < kBlockRows; ++r) {
    float row[kPanel];
    store(row, sum[r][0]);
    store(row + kFloats, sum[r][1]);
    float* const out = c + r * ldc;
    VAE_INDEPENDENT
    for (int64_t j = 0; j < columns; ++j) out[j] = overwrite ? row[j] : out[j] + row[j];
  }
}

/// panel[q][l] = b[q, l], with zeros beyond the last column. Reads along b's contiguous direction.
inline void pack(float* panel, const float* b, Strides stride, int64_t depth, int64_t columns) {
  if (stride.column == 1 && columns == kPanel) {
    for (int64_t q = 0; q < depth; ++q) {
      for (int64_t l = 0; l < kPanel; ++l) panel[q * kPanel + l] = b[q * stride.row + l];
    }
    return;
  }
  for (int64_t l = 0; l < kPanel; ++l) {
    for (int64_t q = 0; q < depth; ++q) {
      panel[q * kPanel + l] = l < columns ? b[q * stride.row + l * stride.column] : 0.0f;
    }
  }
}

}  // namespace

void gemm(float* c, int64_t ldc, const float* a, int64_t a_row, int64_t a_column, const float* b,
          int64_t b_row, int64_t b_column, int64_t m, int64_t n, int64_t k) {
  alignas(kVectorBytes) float panel[kDepth * kPanel];
  const Strides a_stride{a_row, a_column}, b_stride{b_row, b_column};
  for (int64_t j = 0; j < n; j += kPanel) {
    const int64_t columns = smaller(kPanel, n - j);
    for (int64_t p = 0; p < k; p += kDepth) {
      const int64_t depth = smaller(kDepth, k - p);
      pack(panel, b + p * b_row + j * b_column, b_stride, depth, columns);
      int64_t i = 0;
      for (; i + kRows <= m; i += kRows) {
        multiply_block<kRows>(c + i * ldc + j, ldc, a + i * a_row + p * a_column, a_stride, panel,
                              depth, columns, p == 0);
      }
      for (; i < m; ++i) {
        multiply_block<1>(c + i * ldc + j, ldc, a + i * a_row + p * a_column, a_stride, panel,
                          depth, columns, p == 0);
      }
    }
  }
}

}  // namespace vae::cpu::VAE_ISA_NAMESPACE
