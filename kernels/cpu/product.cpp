// SPDX-License-Identifier: MIT
//
// How products are laid out and cut into tasks. None of this changes a bit of the result.
#include "kernels/cpu/product.h"

#include <algorithm>
#include <limits>

namespace vae::cpu {

namespace {

// Products a thread should have at least: some 3 us of work, what waking another thread costs.
constexpr int64_t kThreadProducts = 1 << 17;

// A thread's share is cut into tasks of some 100 us, where it is that large: a thread that comes
// late or runs on a CPU that others use leaves the rest of them to the other threads.
constexpr int64_t kTaskProducts = 1 << 22;
constexpr int64_t kMostTasks = 4;

constexpr int64_t kPartRows = 128;  // docs/arithmetic.md, rule 2

constexpr int64_t kTaskRows = 256;         // enough that copies of b are read often,
constexpr int64_t kTaskOutputs = 1 << 16;  // and so few that the epilogue finds them in the cache
constexpr int64_t kBandFloats = 1 << 19;   // of b, packed

// What it costs to copy a value across and along the grain of the memory, in products.
constexpr int64_t kTurned = 24, kCopied = 3;

}  // namespace

void Buffer::reserve(int64_t floats) {
  if (floats <= floats_) return;
  data_.reset();
  floats_ = 0;
  const auto bytes = static_cast<std::size_t>(floats) * sizeof(float);
  data_.reset(static_cast<float*>(::operator new(bytes, kAlignment)));
  floats_ = floats;
}

Products::Products(ThreadPool& pool, const VectorOps& ops)
    : pool_(pool), ops_(ops), workspaces_(pool.most_threads()) {}

int64_t Products::Cut::begin(int64_t piece) const {
  return std::min(size, quotient_up(size, unit) * piece / pieces * unit);
}

int64_t Products::Cut::longest() const {
  return quotient_up(quotient_up(size, unit), pieces) * unit;
}

void Products::Cut::cut_each(int64_t parts) {
  pieces = std::clamp(pieces * parts, pieces, std::max(pieces, quotient_up(size, unit)));
}

void Products::Cut::cut_to(int64_t most) {
  cut_each(quotient_up(longest() / unit, std::max<int64_t>(1, most / unit)));
}

/// Vectors run along rows of b. Where its memory holds the transpose, either it is packed, or the
/// transposed product is computed, whose vectors run along columns of a and are turned when they
/// are stored: whichever has less to turn.
Products::Plan Products::plan_for(const Product& p) {
  const int64_t turned_if_swapped = p.m * ((p.a.transposed ? 0 : p.k) + p.n);
  Plan plan = {};
  plan.swapped = p.b.transposed && turned_if_swapped <= p.n * p.k;
  const Factor left = plan.swapped ? Factor{p.b.data, p.b.stride, false} : p.a;
  const Factor right = plan.swapped ? Factor{p.a.data, p.a.stride, !p.a.transposed} : p.b;
  ProductBlock& whole = plan.whole;
  whole.rows = plan.swapped ? p.n : p.m;
  whole.columns = plan.swapped ? p.m : p.n;
  whole.depth = p.k;
  whole.a = left.data;
  whole.a_row = left.transposed ? 1 : left.stride;
  whole.a_column = left.transposed ? left.stride : 1;
  whole.b = right.data;
  whole.b_row = right.stride;
  whole.b_packed = right.transposed;
  whole.c = p.c;
  whole.c_row = p.c_stride;
  whole.c_transposed = plan.swapped;
  whole.part = p.over_batch ? kPartRows : 0;
  plan.rows = {whole.rows, ops_.product_tile.rows, 1};
  plan.columns = {whole.columns, ops_.product_tile.lanes, 1};
  plan.serial = ++products_;
  cut_for_threads(plan);
  cut_into_tasks(plan);
  return plan;
}

/// One rectangle a thread, as square as the copies ask for.
void Products::cut_for_threads(Plan& plan) const {
  const ProductBlock& whole = plan.whole;
  const int64_t products = whole.rows * whole.columns * whole.depth;
  const int64_t threads = std::clamp<int64_t>(products / kThreadProducts, 1, pool_.size());
  const int64_t copied = whole.b_packed ? kTurned : kCopied;
  Cut rows = plan.rows, columns = plan.columns;
  int64_t least = std::numeric_limits<int64_t>::max();
  for (rows.pieces = 1; rows.pieces <= threads; ++rows.pieces) {
    columns.pieces = threads / rows.pieces;
    const int64_t cost =
        rows.longest() * columns.longest() + copied * columns.longest() + kCopied * rows.longest();
    if (cost >= least) continue;
    least = cost;
    plan.rows.pieces = rows.pieces;
    plan.columns.pieces = columns.pieces;
  }
}

/// For the threads' sake a band that is packed is cut into rows, so that a thread packs it once,
/// and one that is not into columns, which are copied as they are read. For the epilogue's sake,
/// which gradients of weights do without, tasks are no larger than the second cache.
void Products::cut_into_tasks(Plan& plan) const {
  const ProductBlock& whole = plan.whole;
  if (whole.b_packed) {
    plan.columns.cut_to(kBandFloats / std::max<int64_t>(1, whole.depth));
  }
  if (plan.tasks() > 1) {
    const int64_t products = plan.rows.longest() * plan.columns.longest() * whole.depth;
    Cut& side = whole.b_packed ? plan.rows : plan.columns;
    side.cut_each(std::clamp<int64_t>(products / kTaskProducts, 1, kMostTasks));
  }
  if (whole.part > 0) return;
  plan.rows.cut_to(kTaskRows);
  plan.columns.cut_to(kTaskOutputs / plan.rows.longest());
}

/// On the calling thread, where it may fail.
void Products::reserve(const Plan& plan) {
  ProductBlock largest = plan.whole;
  largest.rows = plan.rows.longest();
  largest.columns = plan.columns.longest();
  const int64_t scratch = ops_.product_scratch(largest);
  const int64_t panels = largest.b_packed ? largest.columns * largest.depth : 0;
  for (Workspace& workspace : workspaces_) {
    workspace.scratch.reserve(scratch);
    workspace.panels.reserve(panels);
  }
}

Tile Products::multiply(const Plan& plan, int64_t task, Workspace& workspace) const {
  const int64_t band = task / plan.rows.pieces, piece = task % plan.rows.pieces;
  const int64_t row = plan.rows.begin(piece), column = plan.columns.begin(band);
  ProductBlock block = plan.whole;
  block.rows = plan.rows.begin(piece + 1) - row;
  block.columns = plan.columns.begin(band + 1) - column;
  block.a += row * block.a_row;
  block.b += block.b_packed ? column * block.b_row : column;
  block.c += block.c_transposed ? column * block.c_row + row : row * block.c_row + column;
  if (block.b_packed) {
    if (workspace.serial != plan.serial || workspace.band != band) {
      ops_.pack_panels(workspace.panels.data(), block.b, block.b_row, block.depth, block.columns);
      workspace.serial = plan.serial;
      workspace.band = band;
    }
    block.b = workspace.panels.data();
  }
  ops_.multiply(block, workspace.scratch.data());
  if (plan.swapped) return {column, block.columns, row, block.rows};
  return {row, block.rows, column, block.columns};
}

}  // namespace vae::cpu
