// SPDX-License-Identifier: MIT
#include "host/draw/canvas.h"

#include <algorithm>
#include <cmath>

#include "host/draw/font.h"

namespace vae {

Canvas::Canvas(int64_t height, int64_t width, int64_t channels, Colour background)
    : image_{height, width, channels,
             std::vector<uint8_t>(static_cast<size_t>(height * width * channels))} {
  rectangle(0, 0, width, height, background);
}

void Canvas::blend(int64_t x, int64_t y, Colour colour, double opacity) {
  if (x < 0 || y < 0 || x >= image_.width || y >= image_.height || opacity <= 0.0) return;
  const int64_t channels = image_.channels;
  uint8_t* pixel = image_.pixels.data() + (y * image_.width + x) * channels;
  const int grey = (colour.red + colour.green + colour.blue + 1) / 3;
  const int parts[] = {channels == 1 ? grey : colour.red, colour.green, colour.blue};
  for (int64_t i = 0; i < channels; ++i) {
    pixel[i] = static_cast<uint8_t>(std::lround(pixel[i] + opacity * (parts[i] - pixel[i])));
  }
}

void Canvas::disk(double x, double y, double radius, Colour colour, double opacity) {
  const auto low = [&](double center) { return static_cast<int64_t>(center - radius - 1.0); };
  const auto high = [&](double center) { return static_cast<int64_t>(center + radius + 1.0); };
  for (int64_t row = std::max<int64_t>(0, low(y)); row <= std::min(high(y), height() - 1); ++row) {
    for (int64_t column = std::max<int64_t>(0, low(x)); column <= std::min(high(x), width() - 1);
         ++column) {
      const double distance =
          std::hypot(static_cast<double>(column) + 0.5 - x, static_cast<double>(row) + 0.5 - y);
      blend(column, row, colour, opacity * std::clamp(radius + 0.5 - distance, 0.0, 1.0));
    }
  }
}

void Canvas::rectangle(int64_t left, int64_t top, int64_t width, int64_t height, Colour colour) {
  for (int64_t y = top; y < top + height; ++y) {
    for (int64_t x = left; x < left + width; ++x) blend(x, y, colour, 1.0);
  }
}

void Canvas::paste(const Image& picture, int64_t left, int64_t top) {
  const int64_t row_bytes = picture.width * picture.channels;
  for (int64_t y = 0; y < picture.height; ++y) {
    std::copy_n(picture.pixels.begin() + y * row_bytes, row_bytes,
                image_.pixels.begin() + ((top + y) * image_.width + left) * image_.channels);
  }
}

void Canvas::text(int64_t x, int64_t baseline, std::string_view utf8, Colour colour) {
  for_text_pixels(utf8, [&](int64_t right, int64_t down, double coverage) {
    blend(x + right, baseline + down, colour, coverage);
  });
}

void Canvas::text_upwards(int64_t x, int64_t y, std::string_view utf8, Colour colour) {
  for_text_pixels(utf8, [&](int64_t right, int64_t down, double coverage) {
    blend(x + down, y - right, colour, coverage);
  });
}

void Canvas::rimmed_text(int64_t x, int64_t baseline, std::string_view utf8, Colour colour,
                         Colour rim) {
  constexpr int64_t kRim = 2;
  for (int64_t dy = -kRim; dy <= kRim; ++dy) {
    for (int64_t dx = -kRim; dx <= kRim; ++dx) {
      if (dx * dx + dy * dy <= kRim * kRim + 1) text(x + dx, baseline + dy, utf8, rim);
    }
  }
  text(x, baseline, utf8, colour);
}

}  // namespace vae
