// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/cpu/signal_mask.h"
#include "kernels/cpu/threads.h"
#include "kernels/cpu/vector_ops.h"

namespace vae::cpu {

/// A row-major matrix as a factor of a product; `transposed` means that the memory holds the
/// transpose.
struct Factor {
  const float* data;
  int64_t stride;  // of the rows in memory
  bool transposed = false;
};

/// A rectangle of the product, handed to the epilogue while it is still in the cache.
struct Tile {
  int64_t row, rows, column, columns;
};

/// Matrix products on the pool's threads: each thread computes tiles with a single-threaded kernel
/// (oneDNN's where it was built in) and runs the epilogue on each.
class Gemm {
 public:
  Gemm(ThreadPool& pool, const VectorOps& ops) : pool_(pool), ops_(ops) {}

  /// c [m, n] = a [m, k] b [k, n]; then epilogue(tile) for each tile.
  template <typename Epilogue>
  void run(float* c, int64_t ldc, const Factor& a, const Factor& b, int64_t m, int64_t n, int64_t k,
           Epilogue epilogue) {
    const Grid grid = choose_grid(m, n, k);
    std::optional<SignalMask> mask;  // the pool's workers have one for life
    if (kMovesStackPointer) mask.emplace();
    pool_.parallel_for(grid.down * grid.across, [&](int64_t task) {
      const Tile tile = grid.tile(task, m, n);
      if (tile.rows <= 0 || tile.columns <= 0) return;
      multiply(c, ldc, a, b, k, tile);
      epilogue(tile);
    });
  }

  /// "oneDNN 2.6.3" or "built-in".
  static std::string library();

 private:
  struct Grid {
    int64_t down, across, tile_rows, tile_columns;
    Tile tile(int64_t task, int64_t m, int64_t n) const;
  };

  /// oneDNN's generated kernels keep something else in the stack pointer while they run: a signal
  /// handler on such a thread would write over the heap.
  static const bool kMovesStackPointer;

  Grid choose_grid(int64_t m, int64_t n, int64_t k) const;
  void multiply(float* c, int64_t ldc, const Factor& a, const Factor& b, int64_t k,
                const Tile& tile) const;

  ThreadPool& pool_;
  const VectorOps& ops_;
};

}  // namespace vae::cpu
