// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "kernels/cpu/threads.h"
#include "kernels/cpu/vector_ops.h"

namespace vae::cpu {

/// How many pieces there are, the last of which may be smaller.
inline int64_t quotient_up(int64_t size, int64_t piece) { return (size + piece - 1) / piece; }

/// A row-major matrix as a factor of a product; `transposed` means that the memory holds the
/// transpose.
struct Factor {
  const float* data;
  int64_t stride;  // of the rows in memory
  bool transposed = false;
};

/// c [m, n] = a [m, k] b [k, n], summed as docs/arithmetic.md says: over features, or over the rows
/// of a batch.
struct Product {
  float* c;
  int64_t c_stride;
  Factor a, b;
  int64_t m, n, k;
  bool over_batch = false;
};

/// A rectangle of the product, handed to the epilogue while it is still in the cache.
struct Tile {
  int64_t row, rows, column, columns;
};

/// Memory for numbers, aligned to cache lines, that grows and never shrinks. Contents are lost when
/// it grows.
class Buffer {
 public:
  void reserve(int64_t floats);
  float* data() const { return data_.get(); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(float* data) const { ::operator delete(data, kAlignment); }
  };
  std::unique_ptr<float, Free> data_;
  int64_t floats_ = 0;
};

/// Matrix products on the pool's threads: each computes rectangles of c and runs the epilogue on
/// them.
class Products {
 public:
  Products(ThreadPool& pool, const VectorOps& ops);

  /// Computes the product, then epilogue(tile) of each tile, on the thread that made it. Every
  /// element of c lies in one tile.
  template <typename Epilogue>
  void run(const Product& product, Epilogue epilogue) {
    const Plan plan = plan_for(product);
    reserve(plan);
    pool_.parallel_for(plan.tasks(), [&](int64_t task, int thread) {
      const Tile tile = multiply(plan, task, workspaces_[thread]);
      if (tile.rows > 0 && tile.columns > 0) epilogue(tile);
    });
  }

 private:
  /// 0 .. size - 1 in pieces as equal as multiples of the unit can be.
  struct Cut {
    int64_t size, unit, pieces;

    int64_t begin(int64_t piece) const;
    int64_t longest() const;
    /// Each piece into as many, but for the unit. So threads keep equal numbers of them.
    void cut_each(int64_t parts);
    /// Until none is longer.
    void cut_to(int64_t most);
  };

  /// The product as blocks see it, whole, and how it is cut: into bands of columns, and each band
  /// into blocks of rows.
  struct Plan {
    ProductBlock whole;  // with b as it is before it is packed: b(k, j) = b[j * b_row + k]
    bool swapped;        // whole is the transpose of what was asked for
    Cut rows, columns;
    uint64_t serial;

    int64_t tasks() const { return rows.pieces * columns.pieces; }
  };

  /// What one thread needs for its blocks.
  struct alignas(64) Workspace {
    Buffer scratch, panels;
    uint64_t serial = 0;  // of the product whose band lies in `panels`
    int64_t band = 0;     // its number
  };

  Plan plan_for(const Product& product);
  void cut_for_threads(Plan& plan) const;
  void cut_into_tasks(Plan& plan) const;
  void reserve(const Plan& plan);
  Tile multiply(const Plan& plan, int64_t task, Workspace& workspace) const;

  ThreadPool& pool_;
  const VectorOps& ops_;
  std::vector<Workspace> workspaces_;
  uint64_t products_ = 0;
};

}  // namespace vae::cpu
