// SPDX-License-Identifier: MIT
//
// Images that grow and shrink by a whole factor, and the gradients of both.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/input_gradient.h"

namespace vae::cpu {

namespace {

constexpr int64_t kTaskValues = 1 << 14;  // of large images: some 10 us of work
constexpr int64_t kChannels = 64;         // summed at a time

/// Where squares lie in the large image. Rows of small images are numbered through all images.
struct Squares {
  const ScaleGeometry& g;

  int64_t large_row() const { return g.width * g.factor * g.channels; }
  /// The square's first value, of one row and column of small images.
  int64_t at(int64_t row, int64_t column) const {
    return row * g.factor * large_row() + column * g.factor * g.channels;
  }
  int64_t rows_of_task() const {
    return std::max<int64_t>(1, kTaskValues / (g.factor * large_row()));
  }
  float share() const { return 1.0f / static_cast<float>(g.factor * g.factor); }

  /// sum = some channels of a square, row by row.
  void add_up(const VectorOps& ops, float* sum, const float* square, int64_t channels) const {
    std::fill(sum, sum + channels, 0.0f);
    for (int64_t y = 0; y < g.factor; ++y) {
      for (int64_t x = 0; x < g.factor; ++x) {
        ops.add(sum, square + y * large_row() + x * g.channels, channels);
      }
    }
  }

  /// Calls body(index in the small image, index in the large one, channels) for pieces of the
  /// squares of a row.
  template <typename Body>
  void for_pieces(int64_t row, Body body) const {
    for (int64_t column = 0; column < g.width; ++column) {
      for (int64_t c = 0; c < g.channels; c += kChannels) {
        body((row * g.width + column) * g.channels + c, at(row, column) + c,
             std::min(kChannels, g.channels - c));
      }
    }
  }
};

}  // namespace

void CpuBackend::run(const UpsampleArgs& args) {
  const Squares squares{args.geometry};
  const int64_t factor = args.geometry.factor, channels = args.geometry.channels;
  const int64_t rows = args.x.rows() * args.geometry.height;
  for_ranges(rows, squares.rows_of_task(), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      float* const line = args.y.data + squares.at(row, 0);
      float* to = line;
      for (int64_t column = 0; column < args.geometry.width; ++column) {
        const float* const from = args.x.data + (row * args.geometry.width + column) * channels;
        for (int64_t x = 0; x < factor; ++x) to = std::copy(from, from + channels, to);
      }
      for (int64_t y = 1; y < factor; ++y) to = std::copy(line, line + squares.large_row(), to);
    }
  });
}

void CpuBackend::run(const UpsampleBackwardArgs& args) {
  const Squares squares{args.geometry};
  const InputGradient gradient(ops_, args);
  const int64_t rows = args.dx.rows() * args.geometry.height;
  for_ranges(rows, squares.rows_of_task(), [&](int64_t first, int64_t last) {
    float sum[kChannels];
    for (int64_t row = first; row < last; ++row) {
      squares.for_pieces(row, [&](int64_t small, int64_t large, int64_t channels) {
        squares.add_up(ops_, sum, args.dy.data + large, channels);
        gradient.finish(sum, small, channels);
      });
    }
  });
}

void CpuBackend::run(const AveragePoolArgs& args) {
  const Squares squares{args.geometry};
  const float share = squares.share();
  const int64_t rows = args.x.rows() * args.geometry.height;
  for_ranges(rows, squares.rows_of_task(), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      squares.for_pieces(row, [&](int64_t small, int64_t large, int64_t channels) {
        float* const mean = args.y.data + small;
        squares.add_up(ops_, mean, args.x.data + large, channels);
        for (int64_t i = 0; i < channels; ++i) mean[i] *= share;
      });
    }
  });
}

void CpuBackend::run(const AveragePoolBackwardArgs& args) {
  const Squares squares{args.geometry};
  const InputGradient gradient(ops_, args);
  const ScaleGeometry& g = args.geometry;
  const float share = squares.share();
  const int64_t rows = args.dx.rows() * g.height;
  for_ranges(rows, squares.rows_of_task(), [&](int64_t first, int64_t last) {
    float part[kChannels];
    for (int64_t row = first; row < last; ++row) {
      squares.for_pieces(row, [&](int64_t small, int64_t large, int64_t channels) {
        for (int64_t i = 0; i < g.factor * g.factor; ++i) {
          for (int64_t c = 0; c < channels; ++c) part[c] = args.dy.data[small + c] * share;
          const int64_t y = i / g.factor, x = i % g.factor;
          gradient.finish(part, large + y * squares.large_row() + x * g.channels, channels);
        }
      });
    }
  });
}

}  // namespace vae::cpu
