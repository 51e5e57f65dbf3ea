// SPDX-License-Identifier: MIT
//
// Matrix products in the order of docs/arithmetic.md. A tile of c, some rows by some vectors, stays
// in registers for one chain of multiply-adds; every value of b that is loaded serves all rows of
// the tile. Tiles make up a panel, three vectors wide, and panels the block. Where cuts fall and
// what is copied is a matter of speed: each sum has its order from its indices alone.
#include "kernels/cpu/vector_ops_isa.h"

namespace vae::cpu::VAE_ISA_NAMESPACE {

namespace {

// ---- one chain ----------------------------------------------------------------------------------

constexpr int64_t kChain = 128;  // products of a chain: a slice, or a part of a batch

constexpr int kTileRows = kProductTile.rows;
constexpr int64_t kPanel = kProductTile.columns;

#if defined(VAE_FUSES)
constexpr int kUnrolled = 4;  // steps of a chain
#else
constexpr int kUnrolled = 1;  // the emulation fills the pipelines by itself
#endif
constexpr int64_t kAhead = 12;  // steps that b's rows are fetched ahead of their use
constexpr int64_t kDeep = 64;   // steps that hide the fetching of what a tile is stored to

/// One chain for each value of a strip, a column of tiles.
struct Strip {
  int64_t rows, depth;
  const float* a;  // of the first tile; see ProductBlock
  int64_t a_row, a_column;
  int64_t a_tile;   // from one tile's rows to the next one's
  int64_t a_fetch;  // from a value of a to one that will be needed soon
  const float* b;
  int64_t b_row;
  float* packed;        // where the first tile leaves the rows of b side by side, for the others
  const float* addend;  // out = addend + chain, where it is given
  int64_t addend_row;
  float* out;
  int64_t out_row;
};

using StripFunction = void (*)(const Strip&);

/// The step of a chain: row k of b, and a(i, k) of the tile's rows.
template <int kRows, int kVectors, bool kPack>
inline void add_products(Register (&sum)[kRows][kVectors], const float* a, int64_t a_row,
                         const float* b, float* packed) {
  Register right[kVectors];
  VAE_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    right[v] = load<Register>(b + v * kRegisterFloats);
    if constexpr (kPack) store(packed + v * kRegisterFloats, right[v]);
  }
  VAE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    const Register left = broadcast(a[r * a_row]);
    VAE_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[r][v] = multiply_add(left, right[v], sum[r][v]);
  }
}

/// Asks for what the next tile needs of a, a few rows a step, and for rows of b that follow.
template <int kRows, int kVectors, bool kPack>
inline void fetch_ahead(const float* a, int64_t a_row, const float* b, int64_t b_row, int step) {
  VAE_UNROLL
  for (int r = step; r < kRows; r += kUnrolled) __builtin_prefetch(a + r * a_row);
  if constexpr (kPack) {
    VAE_UNROLL
    for (int64_t j = 0; j < kVectors * kRegisterFloats; j += kLine) {
      __builtin_prefetch(b + kAhead * b_row + j);
    }
  }
}

/// Asks for the lines that a tile will be stored to.
template <int kRows, int kVectors>
inline void fetch_out(const Strip& s, int64_t row) {
  VAE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    const float* const out = s.out + (row + r) * s.out_row;
    VAE_UNROLL
    for (int64_t j = 0; j < kVectors * kRegisterFloats; j += kLine) __builtin_prefetch(out + j, 1);
    __builtin_prefetch(out + kVectors * kRegisterFloats - 1, 1);
  }
}

template <int kRows, int kVectors>
inline void store_tile(Register (&sum)[kRows][kVectors], const Strip& s, int64_t row) {
  float* const out = s.out + row * s.out_row;
  if (s.addend != nullptr) {
    const float* const addend = s.addend + row * s.addend_row;
    VAE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      VAE_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = load<Register>(addend + r * s.addend_row + v * kRegisterFloats) + sum[r][v];
      }
    }
  }
  VAE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    VAE_UNROLL
    for (int v = 0; v < kVectors; ++v) store(out + r * s.out_row + v * kRegisterFloats, sum[r][v]);
  }
}

template <int kRows, int kVectors, bool kPack>
inline void multiply_tile(const Strip& s, const float* a, const float* b, int64_t b_row,
                          int64_t row) {
  if (s.depth >= kDeep) fetch_out<kRows, kVectors>(s, row);
  Register sum[kRows][kVectors] = {};
  float* packed = s.packed;
  int64_t k = 0;
  for (; k + kUnrolled <= s.depth; k += kUnrolled) {
    VAE_UNROLL
    for (int step = 0; step < kUnrolled; ++step) {
      fetch_ahead<kRows, kVectors, kPack>(a + s.a_fetch, s.a_row, b, b_row, step);
      add_products<kRows, kVectors, kPack>(sum, a, s.a_row, b, packed);
      a += s.a_column;
      b += b_row;
      if constexpr (kPack) packed += kVectors * kRegisterFloats;
    }
  }
  for (; k < s.depth; ++k) {
    add_products<kRows, kVectors, kPack>(sum, a, s.a_row, b, packed);
    a += s.a_column;
    b += b_row;
    if constexpr (kPack) packed += kVectors * kRegisterFloats;
  }
  store_tile(sum, s, row);
}

/// The rows that are too few for a whole tile.
template <int kRows, int kVectors>
inline void multiply_rest(const Strip& s, const float* a, const float* b, int64_t b_row,
                          int64_t row) {
  if constexpr (kRows > 0) {
    if (s.rows - row == kRows) {
      multiply_tile<kRows, kVectors, false>(s, a, b, b_row, row);
    } else {
      multiply_rest<kRows - 1, kVectors>(s, a, b, b_row, row);
    }
  }
}

template <int kVectors>
void multiply_strip(const Strip& s) {
  const float* a = s.a;
  const float* b = s.b;
  int64_t b_row = s.b_row, row = 0;
  if (s.packed != nullptr) {
    multiply_tile<kTileRows, kVectors, true>(s, a, b, b_row, row);
    b = s.packed;
    b_row = kVectors * kRegisterFloats;
    row = kTileRows;
    a += s.a_tile;
  }
  for (; row + kTileRows <= s.rows; row += kTileRows, a += s.a_tile) {
    multiply_tile<kTileRows, kVectors, false>(s, a, b, b_row, row);
  }
  multiply_rest<kTileRows - 1, kVectors>(s, a, b, b_row, row);
}

/// By the registers in a row of the panel.
#if defined(VAE_LANES)
constexpr StripFunction kStrips[] = {multiply_strip<kVectorBytes / kRegisterBytes>};
#elif defined(VAE_FUSES)
constexpr StripFunction kStrips[] = {multiply_strip<1>, multiply_strip<2>, multiply_strip<3>};
#else
constexpr StripFunction kStrips[] = {multiply_strip<1>};
#endif
constexpr int64_t kPanelVectors = sizeof kStrips / sizeof kStrips[0];
static_assert(kPanel == kPanelVectors * kFloats);

// ---- panels -------------------------------------------------------------------------------------

inline int64_t rounded_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

/// The width of the panel that begins where `columns` are left: the last two are alike, so that
/// none is so narrow that its few sums wait for each other.
inline int64_t panel_width(int64_t columns) {
  const int64_t vectors = rounded_up(columns, kFloats) / kFloats;
  if (vectors <= kPanelVectors) return vectors * kFloats;
  if (vectors >= 2 * kPanelVectors) return kPanel;
  return (vectors + 1) / 2 * kFloats;
}

using Quad = float __attribute__((vector_size(16)));

inline void transpose(Quad (&q)[4]) {
  const Quad a = __builtin_shufflevector(q[0], q[1], 0, 4, 1, 5);
  const Quad b = __builtin_shufflevector(q[0], q[1], 2, 6, 3, 7);
  const Quad c = __builtin_shufflevector(q[2], q[3], 0, 4, 1, 5);
  const Quad d = __builtin_shufflevector(q[2], q[3], 2, 6, 3, 7);
  q[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  q[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  q[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  q[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

/// to(j, i) = from(i, j) for rows and columns of row-major matrices with these strides.
inline void copy_transposed(float* to, int64_t to_row, const float* from, int64_t from_row,
                            int64_t rows, int64_t columns) {
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    int64_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      Quad q[4];
      VAE_UNROLL
      for (int r = 0; r < 4; ++r) q[r] = load<Quad>(from + (i + r) * from_row + j);
      transpose(q);
      VAE_UNROLL
      for (int r = 0; r < 4; ++r) store(to + (j + r) * to_row + i, q[r]);
    }
    for (; j < columns; ++j) {
      for (int r = 0; r < 4; ++r) to[j * to_row + i + r] = from[(i + r) * from_row + j];
    }
  }
  for (; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) to[j * to_row + i] = from[i * from_row + j];
  }
}

/// values[first .. last - 1] = 0, where last is a multiple of four.
inline void fill_zero(float* values, int64_t first, int64_t last) {
  for (; first % 4 != 0; ++first) values[first] = 0.0f;
  for (; first < last; first += 4) store(values + first, Quad{});
}

// ---- blocks -------------------------------------------------------------------------------------

constexpr int64_t kDepthBlock = 8 * kChain;       // so deep a block of a's rows
constexpr int64_t kRowsBlockFloats = 128 * 1024;  // stays in the second cache with this many values

/// How a block is gone through, and where in the scratch memory its copies lie.
struct Plan {
  int64_t rows;    // of a that are taken at a time
  int64_t depth;   // and columns of a
  bool pack_a;     // a is read from a copy, tile by tile
  bool keep_sums;  // sums wait beside c for their next slices
  int64_t packed_b_at, packed_a_at, sums_at, spare_at, floats;
};

/// Columns of a that lie apart by a large power of two share few sets of the cache; and a copy
/// costs little where many panels read it.
inline bool better_packed(const ProductBlock& p) {
  if (p.a_row != 1 || p.rows < kTileRows) return false;
  return p.a_column % 256 == 0 || p.columns >= 8 * kPanel;
}

/// Copying b's rows costs little where many tiles read them, and rows that lie apart by a large
/// power of two are better read once.
inline bool better_copied(const ProductBlock& p, int64_t rows) {
  return rows > (p.b_row % 256 == 0 ? 2 : 8) * kTileRows;
}

inline int64_t parts_of(const ProductBlock& p) {
  return p.part == 0 ? 1 : larger(1, (p.depth + p.part - 1) / p.part);
}

/// The height of the tree over as many parts.
inline int64_t tree_levels(int64_t parts) {
  int64_t levels = 0;
  for (; parts > 1; parts = (parts + 1) / 2) ++levels;
  return levels;
}

/// The memory is enough for smaller blocks too.
inline Plan plan_of(const ProductBlock& p) {
  Plan plan;
  plan.depth = p.part > 0 ? larger(1, p.depth) : kDepthBlock;
  const int64_t depth = larger(1, smaller(p.depth, plan.depth));
  const int64_t most = larger(kRowsBlockFloats / depth / kTileRows, 4) * kTileRows;
  const int64_t blocks = larger(1, (p.rows + most - 1) / most);
  plan.rows = rounded_up((p.rows + blocks - 1) / blocks, kTileRows);
  plan.pack_a = better_packed(p);
  plan.keep_sums = p.depth > plan.depth;
  const int64_t rows = smaller(most, rounded_up(p.rows, kTileRows));
  const int64_t strips = tree_levels(parts_of(p));
  const int64_t kept = plan.keep_sums ? rounded_up(p.columns, kFloats) : kPanel;
  plan.packed_b_at = 0;
  plan.packed_a_at = plan.packed_b_at + kChain * kPanel;
  plan.sums_at = plan.packed_a_at + (plan.pack_a ? rounded_up(rows * depth, kLine) : 0);
  plan.spare_at = plan.sums_at + rows * kept;
  plan.floats = plan.spare_at + strips * rows * kPanel;
  return plan;
}

/// A panel of some rows of c while it is computed.
struct Panel {
  int64_t row, rows, column, columns, width;  // of the block; `width` in whole vectors
  int64_t k, depth;                           // of the chains that are added now
  Strip strip;                                // with a at (row, k)
  float* sums;                                // [rows, width], where c itself does not take them
  float* spare;
  float* packed_b;
  bool direct() const { return sums == nullptr; }
};

/// A last panel's values of b beside each other, with zeros for the columns there are not.
inline void pack_edge(const ProductBlock& p, const Panel& panel, int64_t k, int64_t depth) {
  const float* from = p.b + k * p.b_row + panel.column;
  float* to = panel.packed_b;
  for (int64_t q = 0; q < depth; ++q, from += p.b_row, to += panel.width) {
    for (int64_t j = 0; j < panel.columns; ++j) to[j] = from[j];
    fill_zero(to, panel.columns, panel.width);
  }
}

/// Points the strip at b's rows k .. k + depth - 1.
inline void place_b(const ProductBlock& p, const Panel& panel, Strip& s, int64_t k) {
  s.packed = nullptr;
  s.b_row = panel.width;
  if (p.b_packed) {
    s.b = p.b + panel.column * p.depth + k * panel.width;
  } else if (panel.columns < panel.width) {
    pack_edge(p, panel, k, s.depth);
    s.b = panel.packed_b;
  } else {
    s.b = p.b + k * p.b_row + panel.column;
    s.b_row = p.b_row;
    if (better_copied(p, s.rows)) s.packed = panel.packed_b;
  }
}

/// out = addend + the chain over `depth` products from k on.
inline void add_chain(const ProductBlock& p, const Panel& panel, int64_t k, int64_t depth,
                      const float* addend, int64_t addend_row, float* out, int64_t out_row) {
  Strip s = panel.strip;
  s.depth = depth;
  s.a += (k - panel.k) * s.a_column;
  place_b(p, panel, s, k);
  s.addend = addend;
  s.addend_row = addend_row;
  s.out = out;
  s.out_row = out_row;
  kStrips[panel.width / kFloats - 1](s);
}

/// Rule 1: slices from left to right.
inline void add_slices(const ProductBlock& p, const Panel& panel, float* out, int64_t out_row) {
  const int64_t end = panel.k + panel.depth;
  for (int64_t k = panel.k; k == panel.k || k < end; k += kChain) {
    add_chain(p, panel, k, smaller(kChain, end - k), k > 0 ? out : nullptr, out_row, out, out_row);
  }
}

/// out = addend + out.
inline void join(const Panel& panel, const float* addend, float* out, int64_t out_row) {
  for (int64_t i = 0; i < panel.rows; ++i) {
    VAE_INDEPENDENT
    for (int64_t j = 0; j < panel.width; ++j) {
      out[i * out_row + j] = addend[i * panel.width + j] + out[i * out_row + j];
    }
  }
}

/// out = addend, where it is given, + one part: the slices over `depth` rows from k on.
inline void add_part(const ProductBlock& p, const Panel& panel, int64_t k, int64_t depth,
                     const float* addend, float* out, int64_t out_row) {
  if (depth <= kChain) {
    return add_chain(p, panel, k, depth, addend, panel.width, out, out_row);
  }
  for (int64_t first = 0; first < depth; first += kChain) {
    add_chain(p, panel, k + first, smaller(kChain, depth - first), first > 0 ? out : nullptr,
              out_row, out, out_row);
  }
  if (addend != nullptr) join(panel, addend, out, out_row);
}

/// Rules 2 and 13: out = the balanced tree over parts first .. first + parts - 1. Its left half is
/// the largest power of two, so that every last one without partner moves up.
void add_parts(const ProductBlock& p, const Panel& panel, int64_t first, int64_t parts,
               float* spare, float* out, int64_t out_row) {
  const auto add_one = [&](int64_t part, const float* addend) {
    const int64_t k = part * p.part;
    add_part(p, panel, k, smaller(p.part, p.depth - k), addend, out, out_row);
  };
  if (parts == 1) return add_one(first, nullptr);
  int64_t left = 1;
  while (2 * left < parts) left *= 2;
  float* const more = spare + panel.rows * panel.width;
  add_parts(p, panel, first, left, more, spare, panel.width);
  if (parts - left == 1) return add_one(first + left, spare);
  add_parts(p, panel, first + left, parts - left, more, out, out_row);
  join(panel, spare, out, out_row);
}

/// The sums of a panel to c, which may be transposed and ends where it ends.
inline void write_sums(const ProductBlock& p, const Panel& panel) {
  if (p.c_transposed) {
    copy_transposed(p.c + panel.column * p.c_row + panel.row, p.c_row, panel.sums, panel.width,
                    panel.rows, panel.columns);
    return;
  }
  for (int64_t i = 0; i < panel.rows; ++i) {
    float* const c = p.c + (panel.row + i) * p.c_row + panel.column;
    for (int64_t j = 0; j < panel.columns; ++j) c[j] = panel.sums[i * panel.width + j];
  }
}

inline void multiply_panel(const ProductBlock& p, const Panel& panel) {
  float* const out = panel.direct() ? p.c + panel.row * p.c_row + panel.column : panel.sums;
  const int64_t out_row = panel.direct() ? p.c_row : panel.width;
  if (p.part > 0) {
    add_parts(p, panel, 0, parts_of(p), panel.spare, out, out_row);
  } else {
    add_slices(p, panel, out, out_row);
  }
  if (!panel.direct() && panel.k + panel.depth == p.depth) write_sums(p, panel);
}

/// Rows of a that lie as columns in memory, tile by tile side by side: the tiles of a cache line at
/// a time. One that is not whole is followed by whatever there is: the rows beyond are not read.
inline void pack_rows(float* packed, const float* a, int64_t a_column, int64_t rows,
                      int64_t depth) {
  constexpr int64_t kTiles = kLine / kTileRows;
  int64_t row = 0;
  for (; row + kLine <= rows; row += kLine) {
    float* to = packed + row * depth;
    for (int64_t k = 0; k < depth; ++k, to += kTileRows) {
      VAE_UNROLL
      for (int64_t t = 0; t < kTiles; ++t) {
        VAE_UNROLL
        for (int64_t r = 0; r < kTileRows; ++r) {
          to[t * kTileRows * depth + r] = a[k * a_column + row + t * kTileRows + r];
        }
      }
    }
  }
  for (; row < rows; row += kTileRows) {
    const int64_t count = smaller(kTileRows, rows - row);
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t r = 0; r < count; ++r) {
        packed[row * depth + k * kTileRows + r] = a[k * a_column + row + r];
      }
    }
  }
}

/// The strip's view of a's rows `row` and on, from column k on.
inline Strip rows_of_a(const ProductBlock& p, const Plan& plan, const Panel& panel,
                       float* scratch) {
  Strip s = {};
  s.rows = panel.rows;
  s.a = p.a + panel.row * p.a_row + panel.k * p.a_column;
  s.a_row = p.a_row;
  s.a_column = p.a_column;
  s.a_tile = kTileRows * p.a_row;
  s.a_fetch = p.a_row == 1 ? kLine : s.a_tile;
  if (!plan.pack_a) return s;
  pack_rows(scratch + plan.packed_a_at, s.a, s.a_column, panel.rows, panel.depth);
  s.a = scratch + plan.packed_a_at;
  s.a_row = 1;
  s.a_column = kTileRows;
  s.a_tile = kTileRows * panel.depth;
  s.a_fetch = s.a_tile;
  return s;
}

/// All columns of the panel's rows, for the depth it names.
inline void multiply_rows(const ProductBlock& p, const Plan& plan, Panel panel, float* scratch) {
  panel.strip = rows_of_a(p, plan, panel, scratch);
  panel.spare = scratch + plan.spare_at;
  panel.packed_b = scratch + plan.packed_b_at;
  for (panel.column = 0; panel.column < p.columns; panel.column += panel.width) {
    panel.width = panel_width(p.columns - panel.column);
    panel.columns = smaller(panel.width, p.columns - panel.column);
    const bool direct = !p.c_transposed && panel.columns == panel.width;
    float* const sums = scratch + plan.sums_at + (plan.keep_sums ? panel.column * panel.rows : 0);
    panel.sums = direct ? nullptr : sums;
    multiply_panel(p, panel);
  }
}

}  // namespace

int64_t product_scratch(const ProductBlock& p) { return plan_of(p).floats; }

void multiply(const ProductBlock& p, float* scratch) {
  const Plan plan = plan_of(p);
  Panel panel = {};
  for (panel.row = 0; panel.row < p.rows; panel.row += plan.rows) {
    panel.rows = smaller(plan.rows, p.rows - panel.row);
    for (panel.k = 0; panel.k == 0 || panel.k < p.depth; panel.k += plan.depth) {
      panel.depth = smaller(plan.depth, p.depth - panel.k);
      multiply_rows(p, plan, panel, scratch);
    }
  }
}

void pack_panels(float* panels, const float* b, int64_t b_column, int64_t depth, int64_t columns) {
  constexpr int64_t kRows = kLine;  // of b at a time: a line of each column
  for (int64_t column = 0; column < columns;) {
    const int64_t width = panel_width(columns - column);
    const int64_t present = smaller(width, columns - column);
    float* const panel = panels + column * depth;
    for (int64_t k = 0; k < depth; k += kRows) {
      const int64_t rows = smaller(kRows, depth - k);
      copy_transposed(panel + k * width, width, b + column * b_column + k, b_column, present, rows);
      for (int64_t q = k; q < k + rows; ++q) fill_zero(panel + q * width, present, width);
    }
    column += width;
  }
}

}  // namespace vae::cpu::VAE_ISA_NAMESPACE
