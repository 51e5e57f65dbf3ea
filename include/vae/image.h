// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vae/array.h"

namespace vae {

/// An 8-bit picture, rows from the top, channels interleaved: 1 grey or 3 RGB. 0 is black.
///
///     std::vector<vae::Image> digits = vae::to_images(model.sample(16), 28, 28, 1);
///     vae::save_png("digits.png", vae::enlarge(vae::make_grid(digits), 4));
struct Image {
  int64_t height = 0;           ///< In pixels.
  int64_t width = 0;            ///< In pixels.
  int64_t channels = 1;         ///< 1 or 3.
  std::vector<uint8_t> pixels;  ///< height * width * channels

  /// Same size and pixels.
  bool operator==(const Image&) const = default;
};

/// The picture of an image of bytes [height, width, channels]. 1 and 3 channels are grey and RGB.
/// Of any other number every channel becomes a grey picture, and these lie side by side, row by row
/// in a square where that comes out even and black where none is left: 4 channels make 2 x 2, 12
/// make 3 rows of 4. Throws Error(invalid_argument) when the sizes do not fit.
Image to_image(std::span<const uint8_t> pixels, int64_t height, int64_t width, int64_t channels);

/// Height and width of that picture.
std::pair<int64_t, int64_t> picture_size(int64_t height, int64_t width, int64_t channels);

/// Rows of an array [n, height * width * channels] of values in [0, 1] as pictures, each as
/// to_image() makes it; values outside are clipped, NaN is black. Throws Error(invalid_argument)
/// when the row size does not fit.
std::vector<Image> to_images(const Array& pixels, int64_t height, int64_t width, int64_t channels);

/// Pictures of one size side by side, `columns` to a row, separated by a thin light line.
/// `columns` 0 chooses a square. Throws Error(invalid_argument) for none, for pictures of different
/// sizes and for a grid that is too large.
Image make_grid(const std::vector<Image>& images, int64_t columns = 0);

/// Height and width of such a grid of `count` pictures of one size.
std::pair<int64_t, int64_t> grid_size(int64_t count, int64_t columns, int64_t height,
                                      int64_t width);

/// Enlarges by a whole factor, 1 to 1000, without smoothing. Throws Error(invalid_argument).
Image enlarge(const Image& image, int64_t factor);

/// Reduces by a whole factor, averaging; what is left over at the right and lower edge counts too.
/// Throws Error(invalid_argument).
Image shrink(const Image& image, int64_t factor);

/// A picture with text on its left: as many labels as it has rows of equal height, each at the
/// middle of its row. Rows lower than a line of text (19 pixels) have none, and then the picture
/// stays as it is. ASCII and Latin-1 are drawn, other characters as boxes.
Image label_rows(const Image& picture, const std::vector<std::string>& labels);

/// A picture with a line of text below it, centered; as much of the text as fits.
Image add_caption(const Image& picture, const std::string& text);

/// Pixels from the start of such a text to its end.
int64_t caption_width(const std::string& text);

/// The bytes of a PNG file. Throws Error(invalid_argument) for what is no picture, and for one of
/// more than 65,536 pixels a side; Error(out_of_memory).
std::vector<std::byte> encode_png(const Image& image);

/// Writes a PNG atomically. Throws Error(io), Error(invalid_argument) for what is no picture.
void save_png(const std::string& path, const Image& image);

/// Reads an 8-bit grey or RGB PNG (other kinds are converted). Throws Error(io), Error(corrupt).
Image load_png(const std::string& path);

/// Writes an animated GIF that loops forever, each frame shown for `frame_ms` milliseconds. All
/// frames have one size. Throws Error(io), Error(invalid_argument).
void save_gif(const std::string& path, const std::vector<Image>& frames, int frame_ms = 80);

}  // namespace vae
