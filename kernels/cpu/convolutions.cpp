// SPDX-License-Identifier: MIT
//
// How convolutions are cut into products of blocks. None of this changes a bit of the result.
#include "kernels/cpu/convolutions.h"

#include <bit>

namespace vae::cpu {

namespace {

constexpr int64_t kChain = 128;  // terms of a slice

constexpr int64_t kCopiedValues =
    1 << 15;  // values that are copied at a time: a part of the second cache
constexpr int64_t kMostPositions = 256;
constexpr int64_t kTileFilters = 128;  // of a weight gradient at a time
constexpr int64_t kTilePositions = 256, kMostTilePositions = 512;
constexpr int64_t kTasksOfThread = 4;
constexpr int64_t kTreeValues = 4096;  // values of a tree that a task adds

int64_t rounded_up(int64_t size, int64_t unit) { return quotient_up(size, unit) * unit; }

/// The length of pieces as equal as multiples of the unit can be, none longer than `most`, but for
/// the unit.
int64_t equal_pieces(int64_t size, int64_t unit, int64_t most) {
  const int64_t pieces = quotient_up(size, std::max(unit, most / unit * unit));
  return rounded_up(quotient_up(size, pieces), unit);
}

/// Rows a power of two apart share few sets of the cache.
int64_t row_of_copies(int64_t values) { return rounded_up(values, 16) + 16; }

/// sum = the slices of some columns of a matrix, left to right.
void sum_slices(float* sum, const float* first, int64_t stride, int64_t rows, int64_t columns) {
  constexpr int64_t kMost = 64;
  float slice[kMost];
  for (int64_t column = 0; column < columns; column += kMost) {
    const int64_t width = std::min(kMost, columns - column);
    for (int64_t row = 0; row < rows; row += kChain) {
      std::fill(slice, slice + width, 0.0f);
      for (int64_t r = row; r < std::min(rows, row + kChain); ++r) {
        const float* const values = first + r * stride + column;
        for (int64_t j = 0; j < width; ++j) slice[j] += values[j];
      }
      for (int64_t j = 0; j < width; ++j) {
        sum[column + j] = row == 0 ? slice[j] : sum[column + j] + slice[j];
      }
    }
  }
}

}  // namespace

Convolutions::Convolutions(ThreadPool& pool, const VectorOps& ops)
    : pool_(pool), ops_(ops), workspaces_(pool.most_threads()) {}

/// On the calling thread, where it may fail.
void Convolutions::reserve(const ProductBlock& largest, int64_t copies, int64_t sums,
                           int64_t tiles) {
  const int64_t scratch = ops_.product_scratch(largest);
  for (Workspace& workspace : workspaces_) {
    workspace.scratch.reserve(scratch);
    workspace.copies.reserve(copies);
    workspace.sums.reserve(sums);
    workspace.tiles.reserve(tiles);
  }
}

// ---- to the small image -------------------------------------------------------------------------

Convolutions::Work Convolutions::begin_to_small(float* out, const float* large, const float* w,
                                                const ConvGeometry& g, int64_t images) {
  const int64_t depth = g.row_weights(), unit = ops_.product_tile.rows;
  Work work = {g, out, large, images * g.out_positions(), 0, 0, false};
  const int64_t share = quotient_up(work.size, kTasksOfThread * pool_.size());
  const int64_t most = std::min({kMostPositions, kCopiedValues / depth, share});
  work.piece = equal_pieces(std::max<int64_t>(1, work.size), unit, most);
  work.tasks = quotient_up(work.size, work.piece);
  weights_.reserve(rounded_up(g.filters, ops_.product_tile.lanes) * depth);
  ops_.pack_panels(weights_.data(), w, depth, depth, g.filters);
  ProductBlock largest = {};
  largest.rows = work.piece;
  largest.columns = g.filters;
  largest.depth = depth;
  largest.a_column = 1;
  largest.b_packed = true;
  reserve(largest, work.piece * row_of_copies(depth), out == nullptr ? work.piece * g.filters : 0,
          0);
  return work;
}

float* Convolutions::sum_to_small(const Work& work, int64_t task, Workspace& workspace,
                                  Range* range) {
  const ConvGeometry& g = work.geometry;
  const Range positions = work.range(task);
  *range = {positions.first * g.filters, positions.count * g.filters};
  float* const sums = work.out != nullptr ? work.out + range->first : workspace.sums.data();
  ProductBlock block = {};
  block.rows = positions.count;
  block.columns = g.filters;
  block.depth = g.row_weights();
  block.a_column = 1;
  if (is_pointwise(g)) {
    block.a = work.from + positions.first * g.channels;
    block.a_row = g.channels;
  } else {
    block.a = workspace.copies.data();
    block.a_row = row_of_copies(block.depth);
    copy_patches(workspace.copies.data(), block.a_row, g, work.from, positions, {0, block.depth});
  }
  block.b = weights_.data();
  block.b_packed = true;
  block.c = sums;
  block.c_row = g.filters;
  ops_.multiply(block, workspace.scratch.data());
  return sums;
}

// ---- to the large image -------------------------------------------------------------------------

Convolutions::Work Convolutions::begin_to_large(float* out, const float* small, const float* w,
                                                const ConvGeometry& g, int64_t images) {
  weights_.reserve(g.filters * g.row_weights());
  float* next = weights_.data();
  int64_t depth = 1;  // of the phase with the most taps
  for_phases(g, [&](const Phase& y, const Phase& x) {
    next = copy_phase_weights(next, g, w, y, x);
    depth = std::max(depth, y.taps * x.taps * g.filters);
  });
  Work work = {g, out, small, images * strips_of_image(g), 0, 0, false};
  work.narrow = 2 * g.channels <= ops_.product_tile.lanes;
  const int64_t positions = work.narrow ? Planes(g, 1).width() : quotient_up(g.width, g.stride_x);
  const int64_t most = std::min(kMostPositions, kCopiedValues / depth);
  const int64_t share = quotient_up(work.size, kTasksOfThread * pool_.size());
  work.piece = std::clamp<int64_t>(most / positions, 1, std::max<int64_t>(1, share));
  work.tasks = quotient_up(work.size, work.piece);
  reserve_for_large(work, work.piece * positions, depth);
  return work;
}

void Convolutions::reserve_for_large(const Work& work, int64_t positions, int64_t depth) {
  const ConvGeometry& g = work.geometry;
  const int64_t sums = work.out == nullptr ? work.piece * g.stride_y * g.width * g.channels : 0;
  for_phases(g, [&](const Phase& y, const Phase& x) {
    ProductBlock block = {};
    block.depth = y.taps * x.taps * g.filters;
    block.rows = work.narrow ? g.channels : positions;
    block.columns = work.narrow ? positions : g.channels;
    block.a_row = work.narrow ? 1 : row_of_copies(block.depth);
    block.a_column = work.narrow ? g.channels : 1;
    block.b_row = block.columns;
    reserve(block, positions * row_of_copies(depth), sums, positions * g.channels);
  });
  if (!work.narrow) return;
  const int64_t planes = Planes(g, work.piece).size();
  for (Workspace& workspace : workspaces_) workspace.planes.reserve(planes);
}

float* Convolutions::sum_to_large(const Work& work, int64_t task, Workspace& workspace,
                                  Range* range) {
  const ConvGeometry& g = work.geometry;
  const Range strips = work.range(task);
  const int64_t of_image = strips_of_image(g), row = g.width * g.channels;
  const auto begin = [&](int64_t strip) {
    return (strip / of_image * g.height + strip % of_image * g.stride_y) * row;
  };
  *range = {begin(strips.first), begin(strips.end()) - begin(strips.first)};
  float* const sums = work.out != nullptr ? work.out + range->first : workspace.sums.data();
  if (work.narrow) {
    sum_narrow(work, strips, {sums, range->first}, workspace);
    return sums;
  }
  const float* w = weights_.data();
  for_phases(g, [&](const Phase& y, const Phase& x) {
    sum_phase(work, strips, y, x, w, {sums, range->first}, workspace);
    w += y.taps * x.taps * g.filters * g.channels;
  });
  return sums;
}

void Convolutions::sum_phase(const Work& work, Range strips, const Phase& y, const Phase& x,
                             const float* w, const Sums& sums, Workspace& workspace) {
  const ConvGeometry& g = work.geometry;
  const bool side_by_side = g.stride_y == 1 && g.stride_x == 1;
  ProductBlock block = {};
  block.columns = g.channels;
  block.depth = y.taps * x.taps * g.filters;
  block.a_column = 1;
  if (is_pointwise(g)) {
    block.a = work.from + strips.first * g.width * g.filters;
    block.a_row = g.filters;
    block.rows = strips.count * g.width;
  } else {
    block.a = workspace.copies.data();
    block.a_row = row_of_copies(block.depth);
    block.rows = copy_neighbours(workspace.copies.data(), block.a_row, g, work.from, y, x, strips);
  }
  block.b = w;
  block.b_row = g.channels;
  block.c = side_by_side ? sums.first : workspace.tiles.data();
  block.c_row = g.channels;
  ops_.multiply(block, workspace.scratch.data());
  if (side_by_side) return;
  const float* from = workspace.tiles.data();
  for_strips(g, y, strips, [&](int64_t image, int64_t strip) {
    const int64_t iy = y.first + strip * g.stride_y;
    float* to = sums.at(((image * g.height + iy) * g.width + x.first) * g.channels);
    for (int64_t i = 0; i < x.count; ++i, to += g.stride_x * g.channels, from += g.channels) {
      std::copy(from, from + g.channels, to);
    }
  });
}

/// Strips of one image at a time.
void Convolutions::sum_narrow(const Work& work, Range strips, const Sums& sums,
                              Workspace& workspace) {
  const ConvGeometry& g = work.geometry;
  const int64_t of_image = strips_of_image(g);
  for (int64_t first = strips.first; first < strips.end();) {
    const int64_t image = first / of_image, in_image = first % of_image;
    const Planes planes(g, std::min(strips.end() - first, of_image - in_image));
    planes.copy(workspace.planes.data(), work.from + image * g.small(), in_image);
    const float* w = weights_.data();
    for_phases(g, [&](const Phase& y, const Phase& x) {
      sum_narrow_phase(work, planes, y, x, w, workspace);
      w += y.taps * x.taps * g.filters * g.channels;
      for_strips(g, y, {first, planes.strips()}, [&](int64_t, int64_t strip) {
        const int64_t iy = y.first + strip * g.stride_y;
        float* to = sums.at(((image * g.height + iy) * g.width + x.first) * g.channels);
        const float* const from = workspace.tiles.data() + (strip - in_image) * planes.width();
        for (int64_t i = 0; i < x.count; ++i, to += g.stride_x * g.channels) {
          for (int64_t c = 0; c < g.channels; ++c) to[c] = from[c * planes.columns() + i];
        }
      });
    });
    first += planes.strips();
  }
}

/// Sums [C, columns of the planes], in tiles.
void Convolutions::sum_narrow_phase(const Work& work, const Planes& planes, const Phase& y,
                                    const Phase& x, const float* w, Workspace& workspace) {
  const ConvGeometry& g = work.geometry;
  planes.copy_neighbours(workspace.copies.data(), workspace.planes.data(), y, x);
  ProductBlock block = {};
  block.rows = g.channels;
  block.columns = planes.columns();
  block.depth = y.taps * x.taps * g.filters;
  block.a = w;
  block.a_row = 1;
  block.a_column = g.channels;
  block.b = workspace.copies.data();
  block.b_row = planes.columns();
  block.c = workspace.tiles.data();
  block.c_row = planes.columns();
  ops_.multiply(block, workspace.scratch.data());
}

// ---- gradients of weights -----------------------------------------------------------------------

Convolutions::Gradient Convolutions::plan_gradient(const ConvGeometry& g, int64_t images,
                                                   int64_t samples) const {
  Gradient gradient = {};
  gradient.geometry = g;
  gradient.images = images;
  gradient.part = samples * g.out_positions();
  gradient.rows = equal_pieces(g.filters, ops_.product_tile.rows, kTileFilters);
  gradient.block = 1;
  while (2 * gradient.block * gradient.part <= kTilePositions) gradient.block *= 2;
  gradient.depth = gradient.part <= kMostTilePositions ? gradient.block * gradient.part : kChain;
  gradient.columns =
      equal_pieces(g.row_weights(), ops_.product_tile.lanes, kCopiedValues / gradient.depth);
  gradient.row_tiles = quotient_up(g.filters, gradient.rows);
  gradient.column_tiles = quotient_up(g.row_weights(), gradient.columns);
  const int64_t tiles = gradient.row_tiles * gradient.column_tiles;
  const int64_t most = std::max<int64_t>(1, kTasksOfThread * pool_.size() / tiles);
  gradient.group = gradient.block;
  while (quotient_up(images, gradient.group) > most) gradient.group *= 2;
  gradient.groups = quotient_up(images, gradient.group);
  return gradient;
}

void Convolutions::weight_gradient(float* dw, const float* small, const float* large,
                                   const ConvGeometry& g, int64_t images, int64_t samples,
                                   bool accumulate) {
  Gradient gradient = plan_gradient(g, images, samples);
  gradient.small = small;
  gradient.large = large;
  ProductBlock largest = {};
  largest.rows = gradient.rows;
  largest.columns = gradient.columns;
  largest.depth = gradient.depth;
  largest.part = gradient.part;
  largest.a_row = 1;
  largest.a_column = g.filters;
  largest.b_row = gradient.columns;
  const int64_t tile = gradient.rows * gradient.columns;
  const int64_t levels = std::bit_width(static_cast<uint64_t>(gradient.group)) + 1;
  reserve(largest, largest.depth * largest.b_row, tile, levels * tile);
  const int64_t size = g.filters * g.row_weights();
  parts_.reserve(std::max<int64_t>(1, gradient.groups) * size);
  pool_.parallel_for(gradient.tasks(), [&](int64_t task, int thread) {
    sum_tile(gradient, task, parts_.data(), workspaces_[thread]);
  });
  finish_tree(dw, parts_.data(), gradient.groups, size, accumulate);
}

/// The subtree of a group, of one tile of dw.
void Convolutions::sum_tile(const Gradient& gradient, int64_t task, float* parts,
                            Workspace& workspace) {
  const ConvGeometry& g = gradient.geometry;
  const int64_t tiles = gradient.row_tiles * gradient.column_tiles;
  const int64_t group = task / tiles, row = task % tiles / gradient.column_tiles * gradient.rows;
  const int64_t column = task % gradient.column_tiles * gradient.columns;
  const Range filters = {row, std::min(gradient.rows, g.filters - row)};
  const Range weights = {column, std::min(gradient.columns, g.row_weights() - column)};
  const int64_t first = group * gradient.group, size = filters.count * weights.count;
  const int64_t images = std::min(gradient.group, gradient.images - first);
  float* top = workspace.tiles.data();  // beyond the subtrees that are whole
  const auto join_last = [&] {
    top -= size;
    ops_.add(top - size, top, size);
  };
  for (int64_t image = 0; image < images; image += gradient.block) {
    const Range some = {first + image, std::min(gradient.block, images - image)};
    sum_images(gradient, some, filters, weights, top, workspace);
    top += size;
    for (int64_t n = image / gradient.block; n % 2 == 1; n /= 2) join_last();
  }
  while (top > workspace.tiles.data() + size) join_last();
  const float* from = workspace.tiles.data();
  float* to = parts + (group * g.filters + row) * g.row_weights() + column;
  for (int64_t i = 0; i < filters.count; ++i, from += weights.count, to += g.row_weights()) {
    std::copy(from, from + weights.count, to);
  }
}

/// The subtree of a few images, or the slices of one, left to right.
void Convolutions::sum_images(const Gradient& gradient, Range images, Range filters, Range weights,
                              float* tile, Workspace& workspace) {
  const ConvGeometry& g = gradient.geometry;
  const Range all = {images.first * gradient.part, images.count * gradient.part};
  ProductBlock block = {};
  block.rows = filters.count;
  block.columns = weights.count;
  block.a_row = 1;
  block.a_column = g.filters;
  block.c_row = weights.count;
  block.part = gradient.part;
  for (int64_t first = all.first; first < all.end(); first += gradient.depth) {
    const Range positions = {first, std::min(gradient.depth, all.end() - first)};
    block.depth = positions.count;
    block.a = gradient.small + first * g.filters + filters.first;
    if (is_pointwise(g)) {
      block.b = gradient.large + first * g.channels + weights.first;
      block.b_row = g.channels;
    } else {
      block.b = workspace.copies.data();
      block.b_row = weights.count;
      copy_patches(workspace.copies.data(), block.b_row, g, gradient.large, positions, weights);
    }
    block.c = first == all.first ? tile : workspace.sums.data();
    ops_.multiply(block, workspace.scratch.data());
    if (block.c != tile) ops_.add(tile, block.c, block.rows * block.columns);
  }
}

void Convolutions::bias_gradient(float* db, const float* dy, int64_t positions, int64_t columns,
                                 int64_t images, bool accumulate) {
  parts_.reserve(std::max<int64_t>(1, images) * columns);
  pool_.parallel_for(images, [&](int64_t image) {
    sum_slices(parts_.data() + image * columns, dy + image * positions * columns, columns,
               positions, columns);
  });
  finish_tree(db, parts_.data(), images, columns, accumulate);
}

/// out = the balanced tree over `count` parts of `size` values, whose contents are lost.
void Convolutions::finish_tree(float* out, float* parts, int64_t count, int64_t size,
                               bool accumulate) {
  pool_.parallel_for(quotient_up(size, kTreeValues), [&](int64_t task) {
    const int64_t first = task * kTreeValues, length = std::min(kTreeValues, size - first);
    float* const sums = parts + first;
    if (count == 0) std::fill(sums, sums + length, 0.0f);
    for (int64_t width = 1; width < count; width *= 2) {
      for (int64_t i = 0; i + width < count; i += 2 * width) {
        ops_.add(sums + i * size, sums + (i + width) * size, length);
      }
    }
    if (accumulate) {
      ops_.add(out + first, sums, length);
    } else {
      std::copy(sums, sums + length, out + first);
    }
  });
}

}  // namespace vae::cpu
