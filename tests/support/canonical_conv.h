// SPDX-License-Identifier: MIT
//
// A plain and slow reading of the convolutions of docs/arithmetic.md, one value at a time.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/operations.h"
#include "tests/support/canonical_sums.h"

namespace vae::testing {

/// Images of one size, [images, height, width, channels], with zeros around them.
struct Images {
  const std::vector<float>& values;
  int64_t height, width, channels;

  float at(int64_t image, int64_t y, int64_t x, int64_t channel) const {
    if (y < 0 || y >= height || x < 0 || x >= width) return 0.0f;
    return values[static_cast<std::size_t>(((image * height + y) * width + x) * channels +
                                           channel)];
  }
};

inline Images large_images(const ConvGeometry& g, const std::vector<float>& values) {
  return {values, g.height, g.width, g.channels};
}

inline Images small_images(const ConvGeometry& g, const std::vector<float>& values) {
  return {values, g.out_height, g.out_width, g.filters};
}

/// The slices of rule 1 over terms that come one after the other.
class Slices {
 public:
  void multiply(float a, float b) { next(std::fma(a, b, slice_)); }
  void add(float a) { next(slice_ + a); }
  float sum() const { return whole_ == 0 ? slice_ : terms_ == 0 ? sum_ : sum_ + slice_; }

 private:
  static constexpr int kTerms = 128;

  void next(float slice) {
    slice_ = slice;
    if (++terms_ < kTerms) return;
    sum_ = sum();
    ++whole_;
    slice_ = 0.0f;
    terms_ = 0;
  }

  float sum_ = 0.0f, slice_ = 0.0f;
  int64_t whole_ = 0;
  int terms_ = 0;
};

/// Rule 11.
inline std::vector<float> canonical_to_small(const ConvGeometry& g, const std::vector<float>& large,
                                             const std::vector<float>& w, int64_t images) {
  const Images from = large_images(g, large);
  std::vector<float> result;
  for (int64_t image = 0; image < images; ++image) {
    for (int64_t oy = 0; oy < g.out_height; ++oy) {
      for (int64_t ox = 0; ox < g.out_width; ++ox) {
        for (int64_t f = 0; f < g.filters; ++f) {
          Slices slices;
          auto weight = w.begin() + f * g.row_weights();
          for (int64_t ky = 0; ky < g.kernel_height; ++ky) {
            for (int64_t kx = 0; kx < g.kernel_width; ++kx) {
              for (int64_t c = 0; c < g.channels; ++c) {
                slices.multiply(
                    from.at(image, oy * g.stride_y - g.top + ky, ox * g.stride_x - g.left + kx, c),
                    *weight++);
              }
            }
          }
          result.push_back(slices.sum());
        }
      }
    }
  }
  return result;
}

/// Where a tap leads to in the small image along one axis; false where the stride leaves a hole.
inline bool meets(int64_t large, int64_t padding, int64_t tap, int64_t stride, int64_t* small) {
  const int64_t distance = large + padding - tap;
  *small = distance < 0 ? -1 : distance / stride;
  return distance % stride == 0;
}

/// Rule 12.
inline std::vector<float> canonical_to_large(const ConvGeometry& g, const std::vector<float>& small,
                                             const std::vector<float>& w, int64_t images) {
  const Images from = small_images(g, small);
  const auto value = [&](int64_t image, int64_t iy, int64_t ix, int64_t c) {
    Slices slices;
    int64_t oy = 0, ox = 0;
    for (int64_t ky = 0; ky < g.kernel_height; ++ky) {
      if (!meets(iy, g.top, ky, g.stride_y, &oy)) continue;
      for (int64_t kx = 0; kx < g.kernel_width; ++kx) {
        if (!meets(ix, g.left, kx, g.stride_x, &ox)) continue;
        for (int64_t f = 0; f < g.filters; ++f) {
          const int64_t weight =
              ((f * g.kernel_height + ky) * g.kernel_width + kx) * g.channels + c;
          slices.multiply(from.at(image, oy, ox, f), w[static_cast<std::size_t>(weight)]);
        }
      }
    }
    return slices.sum();
  };
  std::vector<float> result;
  for (int64_t image = 0; image < images; ++image) {
    for (int64_t i = 0; i < g.positions(); ++i) {
      for (int64_t c = 0; c < g.channels; ++c) {
        result.push_back(value(image, i / g.width, i % g.width, c));
      }
    }
  }
  return result;
}

/// Rule 13, weights; `images` have `samples` rows each.
inline std::vector<float> canonical_weight_gradient(const ConvGeometry& g,
                                                    const std::vector<float>& small,
                                                    const std::vector<float>& large, int64_t images,
                                                    int64_t samples) {
  const Images left = small_images(g, small), right = large_images(g, large);
  const auto of_image = [&](int64_t image, int64_t f, int64_t ky, int64_t kx, int64_t c) {
    Slices slices;
    for (int64_t row = image * samples; row < (image + 1) * samples; ++row) {
      for (int64_t oy = 0; oy < g.out_height; ++oy) {
        for (int64_t ox = 0; ox < g.out_width; ++ox) {
          slices.multiply(left.at(row, oy, ox, f), right.at(row, oy * g.stride_y - g.top + ky,
                                                            ox * g.stride_x - g.left + kx, c));
        }
      }
    }
    return slices.sum();
  };
  std::vector<float> result;
  for (int64_t f = 0; f < g.filters; ++f) {
    for (int64_t i = 0; i < g.row_weights(); ++i) {
      const int64_t tap = i / g.channels;
      std::vector<float> parts;
      for (int64_t image = 0; image < images; ++image) {
        parts.push_back(
            of_image(image, f, tap / g.kernel_width, tap % g.kernel_width, i % g.channels));
      }
      result.push_back(balanced_tree(parts));
    }
  }
  return result;
}

/// Rule 13, biases: of dy [images, positions, channels], all samples of an image together.
inline std::vector<float> canonical_bias_gradient(const std::vector<float>& dy, int64_t images,
                                                  int64_t channels) {
  const int64_t positions = static_cast<int64_t>(dy.size()) / (images * channels);
  std::vector<float> result;
  for (int64_t c = 0; c < channels; ++c) {
    std::vector<float> parts;
    for (int64_t image = 0; image < images; ++image) {
      Slices slices;
      for (int64_t i = 0; i < positions; ++i) {
        slices.add(dy[static_cast<std::size_t>((image * positions + i) * channels + c)]);
      }
      parts.push_back(slices.sum());
    }
    result.push_back(balanced_tree(parts));
  }
  return result;
}

}  // namespace vae::testing
