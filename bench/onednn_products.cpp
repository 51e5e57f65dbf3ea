// SPDX-License-Identifier: MIT
#include "bench/onednn_products.h"

#include <dnnl.h>

#include <algorithm>
#include <limits>

namespace vae {
namespace {

constexpr int64_t kGranule = 16;             // a cache line of floats
constexpr int64_t kTileProducts = 1 << 17;   // a thread should have at least
constexpr int64_t kSliceProducts = 1 << 22;  // some 100 us
constexpr int64_t kMostSlices = 4;

int64_t quotient_up(int64_t size, int64_t piece) { return (size + piece - 1) / piece; }
int64_t rounded_up(int64_t size) { return quotient_up(size, kGranule) * kGranule; }

struct Grid {
  int64_t down, across, rows, columns;
};

/// One tile a thread, as square as possible, because a tile of m x n packs (m + n) k values; large
/// ones in slices of columns, so that a thread that comes late leaves some to the others.
Grid choose_grid(int64_t m, int64_t n, int64_t k, int pool) {
  const int64_t threads = std::clamp<int64_t>(m * n * k / kTileProducts, 1, pool);
  Grid best{1, 1, m, n};
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t down = 1; down <= threads; ++down) {
    const int64_t across = threads / down;
    const int64_t rows = down == 1 ? m : rounded_up(quotient_up(m, down));
    const int64_t columns = across == 1 ? n : rounded_up(quotient_up(n, across));
    const int64_t cost = rows * columns + kGranule * (rows + columns);
    if (cost >= least) continue;
    least = cost;
    best = {down, across, rows, columns};
  }
  if (threads == 1) return best;
  const int64_t slices =
      std::clamp<int64_t>(best.rows * best.columns * k / kSliceProducts, 1, kMostSlices);
  best.columns = rounded_up(quotient_up(best.columns, slices));
  best.across = quotient_up(n, best.columns);
  return best;
}

}  // namespace

void OneDnnProducts::multiply(float* c, const float* a, const float* b, bool transpose_a,
                              bool transpose_b, int64_t m, int64_t n, int64_t k) {
  const Grid grid = choose_grid(m, n, k, pool_.size());
  const int64_t a_stride = transpose_a ? m : k, b_stride = transpose_b ? k : n;
  pool_.parallel_for(grid.down * grid.across, [&](int64_t task) {
    const int64_t row = task / grid.across * grid.rows;
    const int64_t column = task % grid.across * grid.columns;
    const int64_t rows = std::min(grid.rows, m - row);
    const int64_t columns = std::min(grid.columns, n - column);
    if (rows <= 0 || columns <= 0) return;
    dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', rows, columns, k, 1.0f,
               transpose_a ? a + row : a + row * a_stride, a_stride,
               transpose_b ? b + column * b_stride : b + column, b_stride, 0.0f,
               c + row * n + column, n);
  });
}

std::string OneDnnProducts::version() {
  const dnnl_version_t* const version = dnnl_version();
  return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

}  // namespace vae
