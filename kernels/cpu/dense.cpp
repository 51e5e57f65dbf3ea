// SPDX-License-Identifier: MIT
//
// Dense layers in three directions. Bias, activation and slope are applied to each tile of the
// product while it is in the cache of the thread that made it.
#include <algorithm>
#include <vector>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/input_gradient.h"

namespace vae::cpu {

namespace {

constexpr int64_t kBiasColumns = 64;  // summed at a time: four cache lines of each row
constexpr int64_t kPart = 128;        // rows of a batch that one chain adds

/// sum = the balanced tree over the rows' parts, of some columns of a matrix with this stride.
void sum_rows(const VectorOps& ops, float* sum, const float* first, int64_t stride, int64_t rows,
              int64_t columns) {
  if (rows <= kPart) {
    std::fill(sum, sum + columns, 0.0f);
    for (int64_t row = 0; row < rows; ++row) ops.add(sum, first + row * stride, columns);
    return;
  }
  int64_t left = kPart;
  while (2 * left < rows) left *= 2;
  float right[kBiasColumns];
  sum_rows(ops, sum, first, stride, left, columns);
  sum_rows(ops, right, first + left * stride, stride, rows - left, columns);
  ops.add(sum, right, columns);
}

}  // namespace

void CpuBackend::run(const DenseForwardArgs& args) {
  const int64_t rows = args.x.rows(), in = args.x.cols(), out = args.w.rows();
  const auto bias_and_activation = [&](const Tile& tile) {
    for (int64_t row = tile.row; row < tile.row + tile.rows; ++row) {
      const int64_t at = row * out + tile.column;
      ops_.bias_activate(args.y.data + at, args.pre ? args.pre.data + at : nullptr,
                         args.b.data + tile.column, tile.columns, args.activation);
    }
  };
  products_.run({args.y.data, out, {args.x.data, in}, {args.w.data, in, true}, rows, out, in},
                bias_and_activation);
}

void CpuBackend::run(const DenseBackwardInputArgs& args) {
  const int64_t rows = args.dy.rows(), out = args.dy.cols(), in = args.w.cols();
  const InputGradient gradient(ops_, args);
  float* const sums = finished_apart(args.dx, args.accumulate);
  const auto finish = [&](const Tile& tile) {
    for (int64_t row = tile.row; row < tile.row + tile.rows; ++row) {
      const int64_t at = row * in + tile.column;
      gradient.finish(sums + at, at, tile.columns);
    }
  };
  products_.run({sums, in, {args.dy.data, out}, {args.w.data, in}, rows, in, out}, finish);
}

void CpuBackend::run(const DenseBackwardWeightsArgs& args) {
  const int64_t rows = args.dy.rows(), out = args.dy.cols(), in = args.x.cols();
  float* const dw = finished_apart(args.dw, args.accumulate);
  const auto bias = [&](int64_t first, int64_t columns) {
    float sum[kBiasColumns];
    sum_rows(ops_, sum, args.dy.data + first, out, rows, columns);
    if (args.accumulate) {
      ops_.add(args.db.data + first, sum, columns);
    } else {
      std::copy(sum, sum + columns, args.db.data + first);
    }
  };
  const auto finish = [&](const Tile& tile) {
    const int64_t end = tile.row + tile.rows;
    for (int64_t row = tile.row; args.accumulate && row < end; ++row) {
      const int64_t at = row * in + tile.column;
      ops_.add(args.dw.data + at, dw + at, tile.columns);
    }
    if (tile.column > 0) return;
    for (int64_t first = tile.row; first < end; first += kBiasColumns) {
      bias(first, std::min(kBiasColumns, end - first));
    }
  };
  Product product{dw, in, {args.dy.data, out, true}, {args.x.data, in}, out, in, rows};
  product.over_batch = true;
  products_.run(product, finish);
}

void CpuBackend::run(const GemmArgs& args) {
  const int64_t k = args.transpose_a ? args.a.rows() : args.a.cols();
  const Factor a{args.a.data, args.a.cols(), args.transpose_a};
  const Factor b{args.b.data, args.b.cols(), args.transpose_b};
  products_.run({args.c.data, args.c.cols(), a, b, args.c.rows(), args.c.cols(), k},
                [](const Tile&) {});
}

}  // namespace vae::cpu
