// SPDX-License-Identifier: MIT
//
// Dense layers in three directions. Bias, activation and slope are applied to each tile of the
// product while it is in the cache of the thread that made it.
#include <algorithm>
#include <vector>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/rules/activations.h"

namespace vae::cpu {

namespace {

constexpr int64_t kBiasColumns = 64;  // columns a task sums: four cache lines of each row
constexpr int64_t kBiasRows = 128;    // rows summed in float before the sum is carried in double

}  // namespace

void CpuBackend::do_dense_forward(const DenseForwardArgs& args) {
  const int64_t rows = args.x.rows(), in = args.x.cols(), out = args.w.rows();
  const auto bias_and_activation = [&](const Tile& tile) {
    for (int64_t row = tile.row; row < tile.row + tile.rows; ++row) {
      const int64_t at = row * out + tile.column;
      ops_.bias_activate(args.y.data + at, args.pre ? args.pre.data + at : nullptr,
                         args.b.data + tile.column, tile.columns, args.activation);
    }
  };
  gemm_.run(args.y.data, out, {args.x.data, in}, {args.w.data, in, /*transposed=*/true}, rows, out,
            in, bias_and_activation);
}

void CpuBackend::do_dense_backward_input(const DenseBackwardInputArgs& args) {
  const int64_t rows = args.dy.rows(), out = args.dy.cols(), in = args.w.cols();
  const float* const source = needs_pre_activation(args.activation) ? args.pre.data : args.x.data;
  const auto slope = [&](const Tile& tile) {
    if (args.activation == Activation::none) return;
    for (int64_t row = tile.row; row < tile.row + tile.rows; ++row) {
      const int64_t at = row * in + tile.column;
      ops_.multiply_slope(args.dx.data + at, source + at, tile.columns, args.activation);
    }
  };
  gemm_.run(args.dx.data, in, {args.dy.data, out}, {args.w.data, in}, rows, in, out, slope);
}

void CpuBackend::do_dense_backward_weights(const DenseBackwardWeightsArgs& args) {
  const int64_t rows = args.dy.rows(), out = args.dy.cols(), in = args.x.cols();
  gemm_.run(args.dw.data, in, {args.dy.data, out, /*transposed=*/true}, {args.x.data, in}, out, in,
            rows, [](const Tile&) {});
  for_ranges(out, kBiasColumns, [&](int64_t first, int64_t last) {
    const int64_t columns = last - first;
    double total[kBiasColumns] = {};
    for (int64_t block = 0; block < rows; block += kBiasRows) {
      float sum[kBiasColumns] = {};
      const int64_t end = std::min(block + kBiasRows, rows);
      for (int64_t row = block; row < end; ++row) {
        ops_.add(sum, args.dy.data + row * out + first, columns);
      }
      for (int64_t column = 0; column < columns; ++column) total[column] += sum[column];
    }
    for (int64_t column = 0; column < columns; ++column) {
      args.db.data[first + column] = static_cast<float>(total[column]);
    }
  });
}

void CpuBackend::do_gemm(const GemmArgs& args) {
  const int64_t k = args.transpose_a ? args.a.rows() : args.a.cols();
  gemm_.run(args.c.data, args.c.cols(), {args.a.data, args.a.cols(), args.transpose_a},
            {args.b.data, args.b.cols(), args.transpose_b}, args.c.rows(), args.c.cols(), k,
            [](const Tile&) {});
}

}  // namespace vae::cpu
