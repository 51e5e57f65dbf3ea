// SPDX-License-Identifier: MIT
#include "host/data/pixel_values.h"

#include <algorithm>
#include <cmath>

namespace vae {

std::optional<std::size_t> grey_levels_to_bytes(std::span<const float> values,
                                                std::span<uint8_t> bytes) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] >= 0.0f && values[i] <= 1.0f)) return i;  // NaN fails both
    bytes[i] = static_cast<uint8_t>(std::lround(values[i] * 255.0f));
  }
  return {};
}

std::vector<uint8_t> channels_last(std::span<const uint8_t> pixels, int64_t height, int64_t width,
                                   int64_t channels) {
  std::vector<uint8_t> out(pixels.size());
  const int64_t plane = height * width, image = plane * channels;
  for (int64_t first = 0; first < static_cast<int64_t>(pixels.size()); first += image) {
    for (int64_t channel = 0; channel < channels; ++channel) {
      const auto source = pixels.subspan(first + channel * plane, plane);
      for (int64_t i = 0; i < plane; ++i) out[first + i * channels + channel] = source[i];
    }
  }
  return out;
}

}  // namespace vae
