// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include "host/draw/palette.h"
#include "vae/image.h"

namespace vae {

/// A picture to draw on, RGB or grey, edges smoothed. Positions are pixels from the upper left
/// corner; what lies outside is not drawn. On a grey one a colour is the mean of its parts.
class Canvas {
 public:
  Canvas(int64_t height, int64_t width, int64_t channels, Colour background);

  int64_t width() const { return image_.width; }
  int64_t height() const { return image_.height; }

  /// `opacity` in [0, 1].
  void disk(double x, double y, double radius, Colour colour, double opacity);
  /// A filled rectangle of whole pixels.
  void rectangle(int64_t left, int64_t top, int64_t width, int64_t height, Colour colour);
  /// A picture with as many channels, its upper left corner there; it must fit.
  void paste(const Image& picture, int64_t left, int64_t top);

  /// Text from `x` to the right on a baseline; see font.h for what can be written.
  void text(int64_t x, int64_t baseline, std::string_view utf8, Colour colour);
  /// Text that reads from the bottom to the top, its baseline at `x`, from `y` upwards.
  void text_upwards(int64_t x, int64_t y, std::string_view utf8, Colour colour);
  /// Text with a rim in another colour, readable on whatever lies below.
  void rimmed_text(int64_t x, int64_t baseline, std::string_view utf8, Colour colour, Colour rim);

  const Image& image() const { return image_; }

 private:
  void blend(int64_t x, int64_t y, Colour colour, double opacity);

  Image image_;
};

}  // namespace vae
