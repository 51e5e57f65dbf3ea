// SPDX-License-Identifier: MIT
#include "vae/image.h"

#include <algorithm>
#include <cmath>

#include "host/io/atomic_file.h"
#include "host/io/gif.h"
#include "host/io/png.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr uint8_t kSeparator = 208;      // light grey: shows between dark pictures and bright ones
constexpr int64_t kSeparatorPixels = 1;  // also around the grid
constexpr uint64_t kLargestPngBytes = uint64_t{256} << 20;
constexpr int64_t kLargestPixels = int64_t{1} << 31;

void check_image(const Image& image) {
  const bool possible = image.height > 0 && image.width > 0 &&
                        (image.channels == 1 || image.channels == 3) &&
                        image.height <= kLargestPixels / image.width / image.channels;
  VAE_CHECK(possible && static_cast<int64_t>(image.pixels.size()) ==
                            image.height * image.width * image.channels,
            "image: ", image.pixels.size(), " pixel values are no picture of ", image.height, " x ",
            image.width, " x ", image.channels, " (height x width x channels)");
}

Image blank_image(int64_t height, int64_t width, int64_t channels, uint8_t value) {
  VAE_CHECK(height <= kLargestPixels / width / channels, "image: a picture of ", height, " x ",
            width, " pixels is too large");
  return {height, width, channels, std::vector<uint8_t>(height * width * channels, value)};
}

void check_image_size(const char* what, int64_t height, int64_t width, int64_t channels) {
  VAE_CHECK(height > 0 && width > 0 && channels > 0 && height <= kLargestPixels / width / channels,
            what, ": a picture of ", height, " x ", width, " x ", channels, " is impossible");
}

/// Columns of a grid of `count` pictures; `wanted` 0 makes a square.
int64_t columns_of(int64_t count, int64_t wanted) {
  const auto square = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  return std::min(wanted > 0 ? wanted : square, count);
}

/// Rows and columns in which the channels of one image lie side by side.
std::pair<int64_t, int64_t> channel_tiles(int64_t channels) {
  if (channels == 1 || channels == 3) return {1, 1};
  const int64_t columns = columns_of(channels, 0);
  return {(channels + columns - 1) / columns, columns};
}

Image tile_channels(std::span<const uint8_t> pixels, int64_t height, int64_t width,
                    int64_t channels) {
  const auto [rows, columns] = channel_tiles(channels);
  Image tiles = blank_image(rows * height, columns * width, 1, 0);
  auto source = pixels.begin();
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t channel = 0; channel < channels; ++channel) {
        const int64_t top = channel / columns * height, left = channel % columns * width;
        tiles.pixels[(top + y) * tiles.width + left + x] = *source++;
      }
    }
  }
  return tiles;
}

/// Copies `part` into `whole` with its upper left corner at (top, left).
void paste(const Image& part, int64_t top, int64_t left, Image& whole) {
  const int64_t row_bytes = part.width * part.channels;
  for (int64_t y = 0; y < part.height; ++y) {
    std::copy_n(part.pixels.begin() + y * row_bytes, row_bytes,
                whole.pixels.begin() + ((top + y) * whole.width + left) * whole.channels);
  }
}

}  // namespace

std::pair<int64_t, int64_t> picture_size(int64_t height, int64_t width, int64_t channels) {
  check_image_size("picture_size", height, width, channels);
  const auto [rows, columns] = channel_tiles(channels);
  return {rows * height, columns * width};
}

Image to_image(std::span<const uint8_t> pixels, int64_t height, int64_t width, int64_t channels) {
  check_image_size("to_image", height, width, channels);
  VAE_CHECK(static_cast<int64_t>(pixels.size()) == height * width * channels,
            "to_image: ", pixels.size(), " pixel values are no image of ", height, " x ", width,
            " x ", channels, " (height x width x channels)");
  if (channels == 1 || channels == 3) {
    return {height, width, channels, std::vector<uint8_t>(pixels.begin(), pixels.end())};
  }
  return tile_channels(pixels, height, width, channels);
}

std::vector<Image> to_images(const Array& pixels, int64_t height, int64_t width, int64_t channels) {
  check_image_size("to_images", height, width, channels);
  VAE_CHECK(pixels.rows() == 0 || pixels.row_size() == height * width * channels,
            "to_images: rows of ", pixels.row_size(), " values are no pictures of ", height, " x ",
            width, " x ", channels, " (height x width x channels)");
  std::vector<Image> images;
  for (int64_t row = 0; row < pixels.rows(); ++row) {
    std::vector<uint8_t> bytes(pixels.row_size());
    std::transform(pixels.row(row), pixels.row(row) + pixels.row_size(), bytes.begin(),
                   [](float value) {
                     // A NaN fails the comparison and becomes black.
                     const float clipped = value > 0.0f ? std::min(value, 1.0f) : 0.0f;
                     return static_cast<uint8_t>(std::lround(clipped * 255.0f));
                   });
    images.push_back(to_image(bytes, height, width, channels));
  }
  return images;
}

std::pair<int64_t, int64_t> grid_size(int64_t count, int64_t columns, int64_t height,
                                      int64_t width) {
  columns = columns_of(count, columns);
  const int64_t rows = (count + columns - 1) / columns;
  return {rows * (height + kSeparatorPixels) + kSeparatorPixels,
          columns * (width + kSeparatorPixels) + kSeparatorPixels};
}

Image make_grid(const std::vector<Image>& images, int64_t columns) {
  VAE_CHECK(!images.empty(), "make_grid: there are no pictures");
  VAE_CHECK(columns >= 0, "make_grid: ", columns, " columns; choose 1 or more, or 0 for a square");
  const Image& first = images.front();
  for (const Image& image : images) {
    check_image(image);
    VAE_CHECK(image.height == first.height && image.width == first.width &&
                  image.channels == first.channels,
              "make_grid: a picture is ", image.height, " x ", image.width, " x ", image.channels,
              " but the first is ", first.height, " x ", first.width, " x ", first.channels);
  }
  const auto count = static_cast<int64_t>(images.size());
  columns = columns_of(count, columns);
  const auto [height, width] = grid_size(count, columns, first.height, first.width);
  Image grid = blank_image(height, width, first.channels, kSeparator);
  const int64_t cell_height = first.height + kSeparatorPixels;
  const int64_t cell_width = first.width + kSeparatorPixels;
  for (int64_t i = 0; i < count; ++i) {
    paste(images[i], i / columns * cell_height + kSeparatorPixels,
          i % columns * cell_width + kSeparatorPixels, grid);
  }
  return grid;
}

Image enlarge(const Image& image, int64_t factor) {
  check_image(image);
  VAE_CHECK(factor >= 1 && factor <= 1000, "enlarge: a factor of ", factor, "; choose 1 to 1000");
  Image large = blank_image(image.height * factor, image.width * factor, image.channels, 0);
  auto target = large.pixels.begin();
  for (int64_t y = 0; y < large.height; ++y) {
    for (int64_t x = 0; x < large.width; ++x) {
      const int64_t source = (y / factor * image.width + x / factor) * image.channels;
      target = std::copy_n(image.pixels.begin() + source, image.channels, target);
    }
  }
  return large;
}

Image shrink(const Image& image, int64_t factor) {
  check_image(image);
  VAE_CHECK(factor >= 1, "shrink: a factor of ", factor, "; choose 1 or more");
  Image small = blank_image((image.height - 1) / factor + 1, (image.width - 1) / factor + 1,
                            image.channels, 0);
  auto target = small.pixels.begin();
  for (int64_t top = 0; top < image.height; top += factor) {
    const int64_t bottom = std::min(top + factor, image.height);
    for (int64_t left = 0; left < image.width; left += factor) {
      const int64_t right = std::min(left + factor, image.width);
      const int64_t count = (bottom - top) * (right - left);
      for (int64_t channel = 0; channel < image.channels; ++channel) {
        int64_t sum = count / 2;  // rounds
        for (int64_t y = top; y < bottom; ++y) {
          for (int64_t x = left; x < right; ++x) {
            sum += image.pixels[(y * image.width + x) * image.channels + channel];
          }
        }
        *target++ = static_cast<uint8_t>(sum / count);
      }
    }
  }
  return small;
}

void save_png(const std::string& path, const Image& image) {
  check_image(image);
  write_file_atomically(path, encode_png(image));
}

Image load_png(const std::string& path) {
  return decode_png(read_file(path, kLargestPngBytes), path);
}

void save_gif(const std::string& path, const std::vector<Image>& frames, int frame_ms) {
  VAE_CHECK(!frames.empty(), "save_gif: there are no frames");
  for (const Image& frame : frames) check_image(frame);
  write_file_atomically(path, encode_gif(frames, frame_ms));
}

}  // namespace vae
