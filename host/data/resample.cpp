// SPDX-License-Identifier: MIT
#include "host/data/resample.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace vae {
namespace {

/// The pixels of a row or column that make one of the result.
struct Taps {
  int64_t first = 0;
  std::vector<float> weights;

  int64_t end() const { return first + std::ssize(weights); }
};

/// For a result of `count` pixels made from `length` of `available` pixels, those in the middle.
std::vector<Taps> make_taps(int64_t available, double length, int64_t count) {
  const double begin = (static_cast<double>(available) - length) / 2.0;
  const double step = length / static_cast<double>(count);
  const double reach = std::max(step, 1.0);
  std::vector<Taps> taps(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const double centre = begin + (static_cast<double>(i) + 0.5) * step;
    const auto low = static_cast<int64_t>(std::floor(centre - reach));
    const auto high = static_cast<int64_t>(std::ceil(centre + reach));
    Taps& tap = taps[static_cast<std::size_t>(i)];
    tap.first = std::clamp<int64_t>(low, 0, available - 1);
    double sum = 0.0;
    std::vector<double> weights;
    for (int64_t k = tap.first; k < std::clamp<int64_t>(high, tap.first + 1, available); ++k) {
      const double distance = std::abs(static_cast<double>(k) + 0.5 - centre);
      weights.push_back(std::max(0.0, 1.0 - distance / reach));
      sum += weights.back();
    }
    for (const double weight : weights) tap.weights.push_back(static_cast<float>(weight / sum));
  }
  return taps;
}

/// Rows first_row .. end_row - 1 of the picture, made as wide as there are taps.
std::vector<float> resample_rows(const Image& image, const std::vector<Taps>& taps,
                                 int64_t first_row, int64_t end_row) {
  const int64_t channels = image.channels;
  std::vector<float> rows;
  rows.reserve(static_cast<std::size_t>((end_row - first_row) * channels) * taps.size());
  for (int64_t y = first_row; y < end_row; ++y) {
    const uint8_t* row = image.pixels.data() + y * image.width * channels;
    for (const Taps& tap : taps) {
      for (int64_t c = 0; c < channels; ++c) {
        const uint8_t* pixel = row + tap.first * channels + c;
        float sum = 0.0f;
        for (const float weight : tap.weights) {
          sum += weight * static_cast<float>(*pixel);
          pixel += channels;
        }
        rows.push_back(sum);
      }
    }
  }
  return rows;
}

/// Pixels of the result a pixel of the image becomes.
double scale_of(const Image& image, ImageSize size) {
  return std::max(static_cast<double>(size.width) / static_cast<double>(image.width),
                  static_cast<double>(size.height) / static_cast<double>(image.height));
}

/// Of each of `count` pixels made from `length` of `available` pixels, those in the middle, the one
/// that its own middle lies in.
std::vector<int64_t> nearest_pixels(int64_t available, double length, int64_t count) {
  const double begin = (static_cast<double>(available) - length) / 2.0;
  const double step = length / static_cast<double>(count);
  std::vector<int64_t> pixels;
  for (int64_t i = 0; i < count; ++i) {
    const double centre = begin + (static_cast<double>(i) + 0.5) * step;
    pixels.push_back(
        std::clamp<int64_t>(static_cast<int64_t>(std::floor(centre)), 0, available - 1));
  }
  return pixels;
}

}  // namespace

Image resample(const Image& image, ImageSize size) {
  if (image.width == size.width && image.height == size.height) return image;
  const double scale = scale_of(image, size);
  const auto columns = make_taps(image.width, static_cast<double>(size.width) / scale, size.width);
  const auto lines = make_taps(image.height, static_cast<double>(size.height) / scale, size.height);
  const int64_t first_row = lines.front().first;
  const std::vector<float> rows = resample_rows(image, columns, first_row, lines.back().end());
  Image result{size.height, size.width, image.channels, {}};
  const auto row_values = static_cast<std::size_t>(size.width * image.channels);
  result.pixels.reserve(static_cast<std::size_t>(size.height) * row_values);
  std::vector<float> sums(row_values);
  for (const Taps& tap : lines) {
    std::fill(sums.begin(), sums.end(), 0.5f);  // rounds
    const float* row = rows.data() + static_cast<std::size_t>(tap.first - first_row) * row_values;
    for (const float weight : tap.weights) {
      for (float& sum : sums) sum += weight * *row++;
    }
    for (const float sum : sums) {
      result.pixels.push_back(static_cast<uint8_t>(std::clamp(sum, 0.0f, 255.0f)));
    }
  }
  return result;
}

Image resample_nearest(const Image& mask, ImageSize size) {
  const double scale = scale_of(mask, size);
  const auto columns =
      nearest_pixels(mask.width, static_cast<double>(size.width) / scale, size.width);
  Image result{size.height, size.width, 1, {}};
  for (const int64_t y :
       nearest_pixels(mask.height, static_cast<double>(size.height) / scale, size.height)) {
    for (const int64_t x : columns) {
      result.pixels.push_back(mask.pixels[static_cast<std::size_t>(y * mask.width + x)]);
    }
  }
  return result;
}

}  // namespace vae
