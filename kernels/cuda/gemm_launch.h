// SPDX-License-Identifier: MIT
//
// How a product is cut into blocks, and its launch. The plan is a function of shapes and card, so
// results repeat; its constants are estimates, not yet measured.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "kernels/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gemm_kernel.h"

namespace vae::cuda {

enum class TileSize { small, medium, large };

struct Plan {
  TileSize size;
  int64_t tiles_down, tiles_across;
  int64_t splits, split_depth;  // blocks that share a tile
  int64_t left, kept;           // as in Work
  int64_t tile_floats;          // of the workspace, for each tile

  int64_t tiles() const { return tiles_down * tiles_across; }
  int64_t floats() const { return tiles() * tile_floats; }
};

inline int64_t divided_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Cuts the depth into at most `wanted` splits: in fp32 at ends of slices, and over a batch so that
/// each is a branch of the tree of its parts; else at ends of tiles.
template <typename Tile, typename A>
void split_depth(Plan& plan, int64_t depth, int64_t wanted, Precision precision) {
  const bool exact = precision == Precision::fp32;
  const int64_t unit = exact ? kSliceDepth : Tile::kDepth, units = divided_up(depth, unit);
  int64_t in_split = divided_up(units, std::max<int64_t>(wanted, 1));
  if (exact && A::kOverBatch) {
    in_split = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(in_split)));
  }
  plan.split_depth = in_split * unit;
  plan.splits = std::max<int64_t>(divided_up(units, std::max<int64_t>(in_split, 1)), 1);
  plan.left = plan.splits == 1 ? 0 : exact && !A::kOverBatch ? units : plan.splits;
  plan.kept = 0;
  if (exact) {
    using Joiner = SliceJoiner<Tile, A>;
    plan.kept = std::max(Joiner::levels(in_split), Joiner::levels(plan.splits));
  }
  plan.tile_floats = (plan.left + plan.splits * plan.kept) * SumsInMemory<Tile, A>::kFloats;
}

/// Splits the depth so that the blocks fill the card, but not below `shallowest` a split, where
/// summing the splits costs more than it gains; nor beyond the
/// workspace of `capacity` floats.
template <typename Tile, typename A>
void cut_depth(Plan& plan, int64_t depth, int64_t shallowest, Precision precision, const Card& card,
               int64_t capacity) {
  const int64_t tiles = std::max<int64_t>(plan.tiles(), 1);
  const int64_t room = capacity / (tiles * SumsInMemory<Tile, A>::kFloats);
  const int64_t wanted = std::min({card.multiprocessors / tiles, depth / shallowest, room});
  split_depth<Tile, A>(plan, depth, wanted, precision);
  if (plan.floats() > capacity) split_depth<Tile, A>(plan, depth, 1, precision);
}

constexpr int64_t kSmallSplit = 128, kWideSplit = 256;  // the shallowest splits

template <typename Tile, typename A, typename B>
bool fills(const Card& card, int64_t rows, int64_t columns, int64_t depth) {
  const int64_t tiles = divided_up(rows, Tile::kRows) * divided_up(columns, Tile::kColumns);
  const int64_t bytes = int64_t{4} * shared_floats<Tile, A, B>();
  return bytes <= card.shared_bytes_per_block &&
         tiles * std::max<int64_t>(depth / kWideSplit, 1) >= card.multiprocessors;
}

template <typename Tile>
Plan tiled(TileSize size, int64_t rows, int64_t columns) {
  return {size, divided_up(rows, Tile::kRows), divided_up(columns, Tile::kColumns), 1, 0, 0, 0, 0};
}

/// The largest tile with which the product still fills the card.
template <typename A, typename B>
Plan plan_product(int64_t rows, int64_t columns, int64_t depth, Precision precision,
                  const Card& card, const Workspace& workspace) {
  Plan plan;
  if (fills<LargeTile, A, B>(card, rows, columns, depth)) {
    plan = tiled<LargeTile>(TileSize::large, rows, columns);
    cut_depth<LargeTile, A>(plan, depth, kWideSplit, precision, card, workspace.capacity);
  } else if (fills<MediumTile, A, B>(card, rows, columns, depth)) {
    plan = tiled<MediumTile>(TileSize::medium, rows, columns);
    cut_depth<MediumTile, A>(plan, depth, kWideSplit, precision, card, workspace.capacity);
  } else {
    plan = tiled<SmallTile>(TileSize::small, rows, columns);
    cut_depth<SmallTile, A>(plan, depth, kSmallSplit, precision, card, workspace.capacity);
  }
  return plan;
}

/// Kernels count rows, columns, depth and blocks in 32 bits, and may look a tile further.
inline void check_extents(const char* name, int64_t rows, int64_t columns, int64_t depth,
                          const Plan& plan) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max() - 4096;
  VAE_CHECK(std::max({rows, columns, depth, plan.tiles() * plan.splits}) <= kMost, name,
            ": a product of ", rows, " x ", columns, " over ", depth,
            " is too large for one launch");
}

/// One product on its way to a kernel.
template <typename A, typename B, typename Epilogue>
struct Product {
  const char* name;
  int64_t rows, columns, depth;
  A a;
  B b;
  Epilogue epilogue;
};

/// In one launch, unless sums over a large batch need the workspace for one group of tiles after
/// the other.
template <Precision kPrecision, typename Tile, typename A, typename B, typename Epilogue>
void launch_tiles(Stream& stream, const Product<A, B, Epilogue>& product, const Plan& plan,
                  const Workspace& workspace) {
  const int64_t room = workspace.capacity / std::max<int64_t>(plan.tile_floats, 1);
  for (int64_t first = 0; first < plan.tiles(); first += room) {
    const Work work{static_cast<int>(product.rows),
                    static_cast<int>(product.columns),
                    static_cast<int>(product.depth),
                    static_cast<int>(plan.tiles_across),
                    static_cast<int>(first),
                    static_cast<int>(plan.splits),
                    static_cast<int>(plan.split_depth),
                    static_cast<int>(plan.left),
                    static_cast<int>(plan.kept),
                    workspace.floats,
                    workspace.tickets};
    const int64_t tiles = std::min(plan.tiles() - first, room);
    const LaunchShape shape{static_cast<unsigned>(tiles * plan.splits), Tile::kThreads,
                            sizeof(float) * shared_floats<Tile, A, B>()};
    stream.launch(product.name, shape, dense_kernel<Tile, kPrecision, A, B, Epilogue>, product.a,
                  product.b, product.epilogue, work);
  }
}

/// The tile of a product that needs one of its own, in the precision asked for.
template <typename Tile, typename A, typename B, typename Epilogue>
void launch_in(Precision precision, Stream& stream, const Product<A, B, Epilogue>& product,
               const Plan& plan, const Workspace& workspace) {
  if (plan.tiles() == 0) return;
  check_extents(product.name, product.rows, product.columns, product.depth, plan);
  switch (precision) {
    case Precision::tf32:
      return launch_tiles<Precision::tf32, Tile>(stream, product, plan, workspace);
    case Precision::bf16:
      return launch_tiles<Precision::bf16, Tile>(stream, product, plan, workspace);
    case Precision::automatic:
    case Precision::fp32:
      return launch_tiles<Precision::fp32, Tile>(stream, product, plan, workspace);
  }
}

template <typename A, typename B, typename Epilogue>
void launch_product(Precision precision, Stream& stream, const Product<A, B, Epilogue>& product,
                    const Plan& plan, const Workspace& workspace) {
  switch (plan.size) {
    case TileSize::small:
      return launch_in<SmallTile>(precision, stream, product, plan, workspace);
    case TileSize::medium:
      return launch_in<MediumTile>(precision, stream, product, plan, workspace);
    case TileSize::large:
      return launch_in<LargeTile>(precision, stream, product, plan, workspace);
  }
}

}  // namespace vae::cuda
