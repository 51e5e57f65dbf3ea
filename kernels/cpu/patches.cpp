// SPDX-License-Identifier: MIT
#include "kernels/cpu/patches.h"

#include <cstring>

namespace vae::cpu {

namespace {

constexpr int64_t kShort = 32;  // so few values are copied sooner than memcpy() is called

inline void copy_values(float* to, const float* from, int64_t count) {
  if (count > kShort) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
    return;
  }
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) std::memcpy(to + i, from + i, 4 * sizeof(float));
  for (; i < count; ++i) to[i] = from[i];
}

inline void clear_values(float* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = 0.0f;
}

/// What one row of a kernel covers of a row of the image: `row` is that row, or null outside, and
/// `at` the index there of the first value, which may lie before it or beyond its `size` values.
inline void copy_run(float* to, const float* row, int64_t at, int64_t count, int64_t size) {
  if (row == nullptr || at >= size || at + count <= 0) return clear_values(to, count);
  const int64_t before = std::max<int64_t>(0, -at);
  const int64_t end = std::min(count, size - at);
  clear_values(to, before);
  copy_values(to + before, row + at + before, end - before);
  clear_values(to + end, count - end);
}

}  // namespace

void copy_patches(float* to, int64_t to_row, const ConvGeometry& g, const float* large,
                  Range positions, Range weights) {
  const int64_t run = g.kernel_width * g.channels, size = g.width * g.channels;
  const int64_t first_run = weights.first / run;
  int64_t image = positions.first / g.out_positions();
  int64_t oy = positions.first % g.out_positions() / g.out_width;
  int64_t ox = positions.first % g.out_width;
  for (int64_t i = 0; i < positions.count; ++i, to += to_row) {
    const float* const values = large + image * g.large();
    float* next = to;
    for (int64_t ky = first_run; ky * run < weights.end(); ++ky) {
      const int64_t first = std::max<int64_t>(0, weights.first - ky * run);
      const int64_t count = std::min(run, weights.end() - ky * run) - first;
      const int64_t iy = oy * g.stride_y - g.top + ky;
      const float* const row = iy >= 0 && iy < g.height ? values + iy * size : nullptr;
      copy_run(next, row, (ox * g.stride_x - g.left) * g.channels + first, count, size);
      next += count;
    }
    if (++ox < g.out_width) continue;
    ox = 0;
    if (++oy < g.out_height) continue;
    oy = 0;
    ++image;
  }
}

int64_t copy_neighbours(float* to, int64_t to_row, const ConvGeometry& g, const float* small,
                        const Phase& y, const Phase& x, Range strips) {
  int64_t rows = 0;
  for_strips(g, y, strips, [&](int64_t image, int64_t strip) {
    const float* const values = small + image * g.small();
    for (int64_t i = 0; i < x.count; ++i, ++rows) {
      float* next = to + rows * to_row;
      for (int64_t ty = 0; ty < y.taps; ++ty) {
        const int64_t oy = y.first_small + strip - ty;
        const bool inside = oy >= 0 && oy < g.out_height;
        for (int64_t tx = 0; tx < x.taps; ++tx, next += g.filters) {
          const int64_t ox = x.first_small + i - tx;
          if (inside && ox >= 0 && ox < g.out_width) {
            copy_values(next, values + (oy * g.out_width + ox) * g.filters, g.filters);
          } else {
            clear_values(next, g.filters);
          }
        }
      }
    }
  });
  return rows;
}

Planes::Planes(const ConvGeometry& g, int64_t strips)
    : g_(g),
      strips_(strips),
      row_(quotient_up(g.width, g.stride_x)),
      above_(quotient_up(g.kernel_height, g.stride_y) - 1),
      before_(quotient_up(g.kernel_width, g.stride_x) - 1),
      height_(above_ + strips + phase_y(g, phases_y(g) - 1).first_small),
      width_(before_ + row_ + phase_x(g, phases_x(g) - 1).first_small) {}

void Planes::copy(float* planes, const float* image, int64_t first_strip) const {
  std::fill(planes, planes + size(), 0.0f);
  const int64_t first = std::max<int64_t>(0, first_strip - above_);
  const int64_t end = std::min(g_.out_height, first_strip - above_ + height_);
  const int64_t columns = std::min(g_.out_width, width_ - before_);
  for (int64_t oy = first; oy < end; ++oy) {
    const float* const from = image + oy * g_.out_width * g_.filters;
    float* to = planes + (oy - first_strip + above_) * width_ + before_;
    for (int64_t f = 0; f < g_.filters; ++f, to += height_ * width_) {
      for (int64_t ox = 0; ox < columns; ++ox) to[ox] = from[ox * g_.filters + f];
    }
  }
}

void Planes::copy_neighbours(float* to, const float* planes, const Phase& y, const Phase& x) const {
  for (int64_t ty = 0; ty < y.taps; ++ty) {
    for (int64_t tx = 0; tx < x.taps; ++tx) {
      const float* from =
          planes + (y.first_small - ty + above_) * width_ + x.first_small - tx + before_;
      for (int64_t f = 0; f < g_.filters; ++f, from += height_ * width_, to += columns()) {
        copy_values(to, from, columns());
      }
    }
  }
}

float* copy_phase_weights(float* to, const ConvGeometry& g, const float* w, const Phase& y,
                          const Phase& x) {
  for (int64_t ty = 0; ty < y.taps; ++ty) {
    for (int64_t tx = 0; tx < x.taps; ++tx) {
      const int64_t ky = y.first_tap + ty * g.stride_y, kx = x.first_tap + tx * g.stride_x;
      const float* from = w + (ky * g.kernel_width + kx) * g.channels;
      for (int64_t f = 0; f < g.filters; ++f, from += g.row_weights(), to += g.channels) {
        copy_values(to, from, g.channels);
      }
    }
  }
  return to;
}

}  // namespace vae::cpu
