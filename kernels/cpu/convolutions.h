// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cpu/patches.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/threads.h"
#include "kernels/cpu/vector_ops.h"
#include "kernels/operations.h"

namespace vae::cpu {

/// The three products of convolutions, docs/arithmetic.md rules 11 to 13, on the pool's threads.
/// Each is a matrix product one of whose factors is copied together where it is needed, in blocks
/// that stay in a thread's cache.
class Convolutions {
 public:
  Convolutions(ThreadPool& pool, const VectorOps& ops);

  /// Rule 11, of B images: sums [B*OH*OW, F] of the large images with w. Calls
  /// finish(sums, Range of the output) for ranges that together are the output, on the thread that
  /// summed them. The sums lie at their places in `out`, or beside it where it is null.
  template <typename Finish>
  void to_small(float* out, const float* large, const float* w, const ConvGeometry& g,
                int64_t images, Finish finish) {
    const Work work = begin_to_small(out, large, w, g, images);
    pool_.parallel_for(work.tasks, [&](int64_t task, int thread) {
      Range range;
      float* const sums = sum_to_small(work, task, workspaces_[thread], &range);
      finish(sums, range);
    });
  }

  /// Rule 12: sums [B*H*W, C] of the small images with w.
  template <typename Finish>
  void to_large(float* out, const float* small, const float* w, const ConvGeometry& g,
                int64_t images, Finish finish) {
    const Work work = begin_to_large(out, small, w, g, images);
    pool_.parallel_for(work.tasks, [&](int64_t task, int thread) {
      Range range;
      float* const sums = sum_to_large(work, task, workspaces_[thread], &range);
      finish(sums, range);
    });
  }

  /// Rule 13: dw, of images that have so many rows each.
  void weight_gradient(float* dw, const float* small, const float* large, const ConvGeometry& g,
                       int64_t images, int64_t samples, bool accumulate);

  /// Rule 13: db, of rows [positions of a part, columns].
  void bias_gradient(float* db, const float* dy, int64_t positions, int64_t columns, int64_t images,
                     bool accumulate);

 private:
  struct alignas(64) Workspace {
    Buffer copies, sums, scratch, tiles, planes;
  };

  /// A product to a small or a large image, cut into tasks of so many positions or strips.
  struct Work {
    ConvGeometry geometry;
    float* out;
    const float* from;
    int64_t size, piece, tasks;
    bool narrow;  // too few channels for vectors: sums run along positions

    Range range(int64_t task) const { return {task * piece, std::min(piece, size - task * piece)}; }
  };

  /// Values of an output, from one with that number on.
  struct Sums {
    float* first;
    int64_t number;

    float* at(int64_t index) const { return first + (index - number); }
  };

  /// A weight gradient: images in groups, whole subtrees of the balanced tree, and dw in tiles.
  struct Gradient {
    ConvGeometry geometry;
    const float* small;
    const float* large;
    int64_t images, part;   // positions of an image, all its samples
    int64_t group, groups;  // images of one
    int64_t block;          // images of a group that are multiplied at a time
    int64_t depth;          // positions that are
    int64_t rows, columns;  // of a tile
    int64_t row_tiles, column_tiles;

    int64_t tasks() const { return groups * row_tiles * column_tiles; }
  };

  Work begin_to_small(float* out, const float* large, const float* w, const ConvGeometry& g,
                      int64_t images);
  Work begin_to_large(float* out, const float* small, const float* w, const ConvGeometry& g,
                      int64_t images);
  float* sum_to_small(const Work& work, int64_t task, Workspace& workspace, Range* range);
  float* sum_to_large(const Work& work, int64_t task, Workspace& workspace, Range* range);
  void sum_phase(const Work& work, Range strips, const Phase& y, const Phase& x, const float* w,
                 const Sums& sums, Workspace& workspace);
  void reserve_for_large(const Work& work, int64_t positions, int64_t depth);
  void sum_narrow(const Work& work, Range strips, const Sums& sums, Workspace& workspace);
  void sum_narrow_phase(const Work& work, const Planes& planes, const Phase& y, const Phase& x,
                        const float* w, Workspace& workspace);
  Gradient plan_gradient(const ConvGeometry& g, int64_t images, int64_t samples) const;
  void sum_tile(const Gradient& gradient, int64_t task, float* group_sums, Workspace& workspace);
  void sum_images(const Gradient& gradient, Range images, Range filters, Range weights, float* tile,
                  Workspace& workspace);
  void reserve(const ProductBlock& largest, int64_t copies, int64_t sums, int64_t tiles);
  void finish_tree(float* out, float* parts, int64_t count, int64_t size, bool accumulate);

  ThreadPool& pool_;
  const VectorOps& ops_;
  std::vector<Workspace> workspaces_;
  Buffer weights_;  // as the blocks of a product read them
  Buffer parts_;    // of a gradient, side by side
};

}  // namespace vae::cpu
