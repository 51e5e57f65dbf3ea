// SPDX-License-Identifier: MIT
//
// How a product is cut into blocks, and its launch. The plan is a function of shapes and card, so
// results repeat; its constants are estimates, not yet measured.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gemm_kernel.h"

namespace vae::cuda {

enum class TileSize { small, medium, large };

struct Plan {
  TileSize size;
  int64_t tiles_down, tiles_across;
  int64_t part;                 // depths of a part of the sum
  int64_t splits, split_depth;  // blocks that share a tile
  int64_t left, kept;           // as in Work
  int64_t tile_floats;          // of the workspace, for each tile

  int64_t tiles() const { return tiles_down * tiles_across; }
  int64_t floats() const { return tiles() * tile_floats; }
};

inline int64_t divided_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Cuts the depth into at most `wanted` splits: in fp32 at ends of slices, and over a batch so that
/// each is a branch of the tree of its parts, which are plan.part long; else at ends of tiles.
template <typename Tile, typename A>
void split_depth(Plan& plan, int64_t depth, int64_t wanted, Precision precision) {
  const bool exact = precision == Precision::fp32;
  const int64_t unit = exact ? plan.part : Tile::kDepth, units = divided_up(depth, unit);
  int64_t in_split = divided_up(units, std::max<int64_t>(wanted, 1));
  if (exact && is_over_batch<A>()) {
    in_split = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(in_split)));
  }
  plan.split_depth = in_split * unit;
  plan.splits = std::max<int64_t>(divided_up(units, std::max<int64_t>(in_split, 1)), 1);
  plan.left = plan.splits == 1 ? 0 : exact && !is_over_batch<A>() ? units : plan.splits;
  plan.kept = 0;
  if (exact) {
    using Joiner = SliceJoiner<Tile, A>;
    plan.kept = Joiner::levels(in_split);
    if (is_over_batch<A>()) {  // join_blocks()
      plan.kept = std::max<int64_t>(plan.kept, TreeOfParts<Tile, A>::levels(plan.splits));
    }
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
  return bytes <= card.shared_bytes_per_block && 2 * columns > Tile::kColumns &&
         tiles * std::max<int64_t>(depth / kWideSplit, 1) >= card.multiprocessors;
}

template <typename Tile>
Plan tiled(TileSize size, int64_t rows, int64_t columns, int64_t part) {
  return {
      size, divided_up(rows, Tile::kRows), divided_up(columns, Tile::kColumns), part, 1, 0, 0, 0,
      0};
}

/// The largest tile, up to `largest`, with which the product still fills the card, and which it
/// fills by half at least.
template <typename A, typename B>
Plan plan_product(int64_t rows, int64_t columns, int64_t depth, Precision precision,
                  const Card& card, const Workspace& workspace, int64_t part = kSliceDepth,
                  TileSize largest = TileSize::large) {
  Plan plan;
  if (largest == TileSize::large && fills<LargeTile, A, B>(card, rows, columns, depth)) {
    plan = tiled<LargeTile>(TileSize::large, rows, columns, part);
    cut_depth<LargeTile, A>(plan, depth, kWideSplit, precision, card, workspace.capacity);
  } else if (fills<MediumTile, A, B>(card, rows, columns, depth)) {
    plan = tiled<MediumTile>(TileSize::medium, rows, columns, part);
    cut_depth<MediumTile, A>(plan, depth, kWideSplit, precision, card, workspace.capacity);
  } else {
    plan = tiled<SmallTile>(TileSize::small, rows, columns, part);
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

/// What the blocks from tile `first` on are told.
inline Work work_of(int64_t rows, int64_t columns, int64_t depth, const Plan& plan, int64_t first,
                    const Workspace& workspace) {
  return {static_cast<int>(rows),
          static_cast<int>(columns),
          static_cast<int>(depth),
          static_cast<int>(plan.tiles_across),
          static_cast<int>(first),
          static_cast<int>(plan.splits),
          static_cast<int>(plan.split_depth),
          static_cast<int>(plan.part),
          static_cast<int>(plan.left),
          static_cast<int>(plan.kept),
          workspace.floats,
          workspace.tickets};
}

/// In one launch, unless sums over a large batch need the workspace for one group of tiles after
/// the other.
template <Precision kPrecision, typename Tile, typename A, typename B, typename Epilogue>
void launch_tiles(Stream& stream, const Product<A, B, Epilogue>& product, const Plan& plan,
                  const Workspace& workspace) {
  const int64_t room = workspace.capacity / std::max<int64_t>(plan.tile_floats, 1);
  for (int64_t first = 0; first < plan.tiles(); first += room) {
    const Work work = work_of(product.rows, product.columns, product.depth, plan, first, workspace);
    const int64_t tiles = std::min(plan.tiles() - first, room);
    const LaunchShape shape{static_cast<unsigned>(tiles * plan.splits), Tile::kThreads,
                            sizeof(float) * shared_floats<Tile, A, B>()};
    stream.launch(product.name, shape, dense_kernel<Tile, kPrecision, A, B, Epilogue>, product.a,
                  product.b, product.epilogue, work);
  }
}

/// Calls body with a precision as a type.
template <typename Body>
void with_precision(Precision precision, Body body) {
  switch (precision) {
    case Precision::tf32:
      return body(std::integral_constant<Precision, Precision::tf32>());
    case Precision::bf16:
      return body(std::integral_constant<Precision, Precision::bf16>());
    case Precision::automatic:
    case Precision::fp32:
      return body(std::integral_constant<Precision, Precision::fp32>());
  }
}

/// Calls body with a tile.
template <typename Body>
void with_tile(TileSize size, Body body) {
  switch (size) {
    case TileSize::small:
      return body(SmallTile());
    case TileSize::medium:
      return body(MediumTile());
    case TileSize::large:
      return body(LargeTile());
  }
}

/// The tile of a product that needs one of its own, in the precision asked for.
template <typename Tile, typename A, typename B, typename Epilogue>
void launch_in(Precision precision, Stream& stream, const Product<A, B, Epilogue>& product,
               const Plan& plan, const Workspace& workspace) {
  if (plan.tiles() == 0) return;
  check_extents(product.name, product.rows, product.columns, product.depth, plan);
  with_precision(precision, [&](auto constant) {
    launch_tiles<constant.value, Tile>(stream, product, plan, workspace);
  });
}

template <typename A, typename B, typename Epilogue>
void launch_product(Precision precision, Stream& stream, const Product<A, B, Epilogue>& product,
                    const Plan& plan, const Workspace& workspace) {
  with_tile(plan.size, [&](auto tile) {
    launch_in<decltype(tile)>(precision, stream, product, plan, workspace);
  });
}

}  // namespace vae::cuda
