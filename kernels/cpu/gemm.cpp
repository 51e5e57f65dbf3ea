// SPDX-License-Identifier: MIT
//
// The one file that sees oneDNN. Its C function dnnl_sgemm is the same in versions 2 and 3; called
// from our own threads with one OpenMP thread each, it never starts an OpenMP team, whose spinning
// barriers are ruinous on a shared machine.
#include "kernels/cpu/gemm.h"

#include <algorithm>
#include <limits>

#ifdef VAE_WITH_ONEDNN
#include <dlfcn.h>
#include <dnnl.h>
#endif

namespace vae::cpu {

namespace {

constexpr int64_t kGranule = 16;  // tiles are cut at multiples of a cache line of floats

// Products a tile should have at least: some 3 us of work, what waking another thread costs.
constexpr int64_t kTileProducts = 1 << 17;

// A thread's tile is cut into slices of some 100 us, where it is that large: a thread that comes
// late or runs on a CPU that others use leaves the rest of them to the other threads.
constexpr int64_t kSliceProducts = 1 << 22;
constexpr int64_t kMostSlices = 4;

int64_t rounded_up(int64_t size) { return (size + kGranule - 1) / kGranule * kGranule; }

const float* at(const Factor& factor, int64_t row, int64_t column) {
  return factor.transposed ? factor.data + column * factor.stride + row
                           : factor.data + row * factor.stride + column;
}

#ifdef VAE_WITH_ONEDNN
/// The OpenMP runtime that oneDNN was linked with, if any; hence looked up and not linked.
struct OpenMp {
  int (*max_threads)() = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
  void (*set_threads)(int) = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT,
                                                                   "omp_set_num_threads"));
};

/// OpenMP's thread count is a property of the calling thread, which may be the application's: it
/// is one while this lives, and then what it was.
class OneOpenMpThread {
 public:
  OneOpenMpThread() {
    if (openmp().max_threads == nullptr || openmp().set_threads == nullptr) return;
    before_ = openmp().max_threads();
    if (before_ > 1) openmp().set_threads(1);
  }
  ~OneOpenMpThread() {
    if (before_ > 1) openmp().set_threads(before_);
  }
  OneOpenMpThread(const OneOpenMpThread&) = delete;
  OneOpenMpThread& operator=(const OneOpenMpThread&) = delete;

 private:
  static const OpenMp& openmp() {
    static const OpenMp found;
    return found;
  }

  int before_ = 1;
};
#endif

}  // namespace

Tile Gemm::Grid::tile(int64_t task, int64_t m, int64_t n) const {
  const int64_t row = task / across * tile_rows;
  const int64_t column = task % across * tile_columns;
  return {row, std::min(tile_rows, m - row), column, std::min(tile_columns, n - column)};
}

/// One tile a thread, as square as possible: a tile of m x n elements packs (m + n) k of its
/// operands, so a small half-perimeter means little repeated packing. Slices are columns of a tile;
/// they change no bit of the product, where rows would.
Gemm::Grid Gemm::choose_grid(int64_t m, int64_t n, int64_t k) const {
  const int64_t threads = std::clamp<int64_t>(m * n * k / kTileProducts, 1, pool_.size());
  Grid best{1, 1, m, n};
  int64_t best_cost = std::numeric_limits<int64_t>::max();
  for (int64_t down = 1; down <= threads; ++down) {
    const int64_t across = threads / down;
    const int64_t rows = down == 1 ? m : rounded_up((m + down - 1) / down);
    const int64_t columns = across == 1 ? n : rounded_up((n + across - 1) / across);
    // Work of the largest tile, with its packing counted as kGranule products an element.
    const int64_t cost = rows * columns + kGranule * (rows + columns);
    if (cost < best_cost) {
      best_cost = cost;
      best = {down, across, rows, columns};
    }
  }
  if (threads == 1) return best;
  const int64_t slices =
      std::clamp<int64_t>(best.tile_rows * best.tile_columns * k / kSliceProducts, 1, kMostSlices);
  best.tile_columns = rounded_up((best.tile_columns + slices - 1) / slices);
  best.across = (n + best.tile_columns - 1) / best.tile_columns;
  return best;
}

void Gemm::multiply(float* c, int64_t ldc, const Factor& a, const Factor& b, int64_t k,
                    const Tile& tile) const {
  float* const corner = c + tile.row * ldc + tile.column;
  const float* const a_rows = at(a, tile.row, 0);
  const float* const b_columns = at(b, 0, tile.column);
#ifdef VAE_WITH_ONEDNN
  const OneOpenMpThread quiet;
  const dnnl_status_t status =
      dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', tile.rows, tile.columns, k,
                 1.0f, a_rows, a.stride, b_columns, b.stride, 0.0f, corner, ldc);
  if (status == dnnl_success) return;
#endif
  ops_.gemm(corner, ldc, a_rows, a.transposed ? 1 : a.stride, a.transposed ? a.stride : 1,
            b_columns, b.transposed ? 1 : b.stride, b.transposed ? b.stride : 1, tile.rows,
            tile.columns, k);
}

#ifdef VAE_WITH_ONEDNN
const bool Gemm::kMovesStackPointer = true;
#else
const bool Gemm::kMovesStackPointer = false;
#endif

std::string Gemm::library() {
#ifdef VAE_WITH_ONEDNN
  const dnnl_version_t* version = dnnl_version();
  return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
#else
  return "built-in GEMM";
#endif
}

}  // namespace vae::cpu
