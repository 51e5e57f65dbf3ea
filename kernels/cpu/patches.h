// SPDX-License-Identifier: MIT
//
// The factors of convolutions as matrices: what lies beneath a kernel, row by row. They are copied
// in pieces that the cache holds; a whole one would be as large as all taps of the image together.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/product.h"
#include "kernels/operations.h"

namespace vae::cpu {

/// first .. first + count - 1.
struct Range {
  int64_t first, count;
  int64_t end() const { return first + count; }
};

/// Whether a kernel covers one position and none is left out: both images are matrices of the same
/// positions, and nothing need be copied.
inline bool is_pointwise(const ConvGeometry& g) {
  return g.taps() == 1 && g.stride_y == 1 && g.stride_x == 1 && g.positions() == g.out_positions();
}

/// Rows of the matrix [B*OH*OW, KH*KW*C] whose row is what the kernel covers of the large image, in
/// the order of rule 11; of each row the weights in that range.
void copy_patches(float* to, int64_t to_row, const ConvGeometry& g, const float* large,
                  Range positions, Range weights);

/// Along one axis, the positions of the large image that meet the same taps: position
/// first + i stride meets taps first_tap + t stride, of which each belongs to position
/// first_small + i - t of the small image. (Rule 12.)
struct Phase {
  int64_t first, count;
  int64_t first_tap, taps;
  int64_t first_small;

  Phase(int64_t number, int64_t size, int64_t kernel, int64_t stride, int64_t padding)
      : first(number),
        count(quotient_up(size - number, stride)),
        first_tap((number + padding) % stride),
        taps(first_tap < kernel ? quotient_up(kernel - first_tap, stride) : 0),
        first_small((number + padding) / stride) {}
};

inline Phase phase_y(const ConvGeometry& g, int64_t number) {
  return {number, g.height, g.kernel_height, g.stride_y, g.top};
}
inline Phase phase_x(const ConvGeometry& g, int64_t number) {
  return {number, g.width, g.kernel_width, g.stride_x, g.left};
}
/// Phases of an axis: no more than there are positions.
inline int64_t phases_y(const ConvGeometry& g) { return std::min(g.stride_y, g.height); }
inline int64_t phases_x(const ConvGeometry& g) { return std::min(g.stride_x, g.width); }

/// Calls body(phase of y, phase of x) for all.
template <typename Body>
void for_phases(const ConvGeometry& g, Body body) {
  for (int64_t y = 0; y < phases_y(g); ++y) {
    for (int64_t x = 0; x < phases_x(g); ++x) body(phase_y(g, y), phase_x(g, x));
  }
}

/// Rows of the large images, stride_y at a time: "strips", as many of each image.
inline int64_t strips_of_image(const ConvGeometry& g) { return quotient_up(g.height, g.stride_y); }

/// Calls body(image, strip of the image) for those of the strips that have a row of the phase.
template <typename Body>
void for_strips(const ConvGeometry& g, const Phase& y, Range strips, Body body) {
  const int64_t of_image = strips_of_image(g);
  for (int64_t strip = strips.first; strip < strips.end(); ++strip) {
    if (strip % of_image < y.count) body(strip / of_image, strip % of_image);
  }
}

/// The rows of the matrix [positions of the phases in those strips, taps of the phases * F], in the
/// order of rule 12; returns how many.
int64_t copy_neighbours(float* to, int64_t to_row, const ConvGeometry& g, const float* small,
                        const Phase& y, const Phase& x, Range strips);

/// Some strips of a small image channel by channel, with what lies around them: the rows of such a
/// matrix, transposed, are pieces of these planes. For images with so few channels that sums must
/// run along positions.
class Planes {
 public:
  Planes(const ConvGeometry& g, int64_t strips);

  /// Of all channels.
  int64_t size() const { return g_.filters * height_ * width_; }
  /// Columns of the transposed matrix: the positions of the strips, each row followed by what is
  /// between them in a plane.
  int64_t columns() const { return (strips_ - 1) * width_ + row_; }
  int64_t strips() const { return strips_; }
  int64_t width() const { return width_; }

  void copy(float* planes, const float* image, int64_t first_strip) const;
  /// [taps of the phases * F, columns].
  void copy_neighbours(float* to, const float* planes, const Phase& y, const Phase& x) const;

 private:
  const ConvGeometry& g_;
  int64_t strips_, row_;
  int64_t above_, before_;  // rows and columns of a plane that precede the strips' own
  int64_t height_, width_;
};

/// The weights that belong to such a matrix, [taps of the phases * F, C]. Returns their end.
float* copy_phase_weights(float* to, const ConvGeometry& g, const float* w, const Phase& y,
                          const Phase& x);

}  // namespace vae::cpu
