// SPDX-License-Identifier: MIT
#include "host/data/pixel_statistics.h"

#include <algorithm>

namespace vae {

PixelStatistics::PixelStatistics(const ImageSet& images) {
  for (const uint8_t pixel : images.pixels()) ++counts_[pixel];
}

int PixelStatistics::smallest() const {
  const auto first = std::find_if(counts_.begin(), counts_.end(), [](int64_t n) { return n > 0; });
  return static_cast<int>(first - counts_.begin());
}

int PixelStatistics::largest() const {
  const auto last = std::find_if(counts_.rbegin(), counts_.rend(), [](int64_t n) { return n > 0; });
  return static_cast<int>(counts_.rend() - last) - 1;
}

int PixelStatistics::distinct() const {
  return static_cast<int>(256 - std::count(counts_.begin(), counts_.end(), 0));
}

double PixelStatistics::mean() const {
  double sum = 0.0, count = 0.0;
  for (int value = 0; value < 256; ++value) {
    const auto pixels = static_cast<double>(counts_[static_cast<size_t>(value)]);
    sum += value * pixels;
    count += pixels;
  }
  return count > 0 ? sum / (255.0 * count) : 0.0;
}

}  // namespace vae
