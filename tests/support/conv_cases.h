// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <ostream>
#include <vector>

#include "kernels/operations.h"
#include "tests/support/effort.h"

namespace vae::testing {

struct ConvCase {
  ConvGeometry geometry;
  int64_t images;
};

inline void PrintTo(const ConvCase& c, std::ostream* out) {
  const ConvGeometry& g = c.geometry;
  *out << c.images << " of " << g.height << 'x' << g.width << 'x' << g.channels << ", kernel "
       << g.kernel_height << 'x' << g.kernel_width << ", stride " << g.stride_y << 'x' << g.stride_x
       << ", padding " << g.top << ' ' << g.left << ", to " << g.out_height << 'x' << g.out_width
       << 'x' << g.filters;
}

/// Rows and columns of one thing.
struct Pair {
  int64_t y, x;
};

/// As many positions of the kernel as there is room for.
inline ConvGeometry conv_geometry(Pair size, int64_t channels, Pair kernel, Pair stride,
                                  Pair before, Pair after, int64_t filters) {
  ConvGeometry g;
  g.height = size.y;
  g.width = size.x;
  g.channels = channels;
  g.kernel_height = kernel.y;
  g.kernel_width = kernel.x;
  g.stride_y = stride.y;
  g.stride_x = stride.x;
  g.top = before.y;
  g.left = before.x;
  g.out_height = (size.y + before.y + after.y - kernel.y) / stride.y + 1;
  g.out_width = (size.x + before.x + after.x - kernel.x) / stride.x + 1;
  g.filters = filters;
  return g;
}

/// Every kernel and stride of models that are trained, and what is odd: few and many channels and
/// filters, more positions and weights than a slice has terms, more images than tasks.
inline const std::vector<ConvCase>& conv_cases() {
  static const std::vector<ConvCase> cases = {
      {conv_geometry({1, 1}, 1, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1), 1},
      {conv_geometry({5, 4}, 33, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 7), 3},
      {conv_geometry({5, 6}, 3, {1, 1}, {2, 2}, {0, 0}, {0, 0}, 32), 2},
      {conv_geometry({7, 6}, 5, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 7), 2},
      {conv_geometry({8, 8}, 3, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 32), 3},
      {conv_geometry({6, 4}, 64, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 32), 2},
      {conv_geometry({5, 3}, 1, {5, 5}, {1, 1}, {2, 2}, {2, 2}, 1), 130},
      {conv_geometry({9, 7}, 5, {5, 3}, {2, 1}, {2, 1}, {2, 1}, 7), 2},
      {conv_geometry({2, 1}, 3, {5, 5}, {1, 1}, {4, 2}, {2, 4}, 7), 3},   // larger than the image
      {conv_geometry({9, 10}, 3, {2, 1}, {3, 4}, {0, 0}, {0, 0}, 7), 2},  // holes
      {conv_geometry({6, 8}, 5, {3, 3}, {2, 2}, {0, 1}, {0, 0}, 1), 3},   // a last row unused
      {conv_geometry({7, 9}, 1, {4, 3}, {3, 2}, {2, 0}, {1, 2}, 33), 5},
      {conv_geometry({14, 13}, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 32), 5},
      {conv_geometry({5, 5}, 33, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 64), 1},
      {conv_geometry({4, 4}, 5, {4, 4}, {1, 1}, {0, 0}, {0, 0}, 9), 130},   // to one position
      {conv_geometry({13, 11}, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 2), 37},  // a tree in each task
      {conv_geometry({28, 28}, 1, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 7), 2},
  };
  return cases;
}

/// The numbers of the cases to run. For the race detector: one position, a stride without overlap,
/// one without and one with tails of channels, an image smaller than the kernel, holes, more images
/// than tasks.
inline std::vector<std::size_t> conv_case_numbers() {
  if (test::kRaceDetector) return {0, 2, 3, 4, 8, 9, 14};
  std::vector<std::size_t> numbers(conv_cases().size());
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  return numbers;
}

/// Those for which a card of four multiprocessors, as the simulated one, takes its middle and its
/// large tiles, and splits the sum over images.
inline const std::vector<ConvCase>& conv_cases_of_wide_tiles() {
  static const std::vector<ConvCase> cases = {
      {conv_geometry({16, 16}, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 40), 4},
      {conv_geometry({8, 8}, 36, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 12), 6},
  };
  return cases;
}

}  // namespace vae::testing
