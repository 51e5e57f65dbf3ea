// SPDX-License-Identifier: MIT
#include "host/io/exif.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "host/io/atomic_file.h"

namespace vae {
namespace {

using namespace std::string_view_literals;

/// Numbers of a TIFF file in its byte order; 0 beyond its end.
class TiffReader {
 public:
  explicit TiffReader(std::string_view text) : text_(text), big_endian_(text.starts_with("MM")) {}

  uint32_t number(std::size_t at, int bytes) const {
    if (at > text_.size() || text_.size() - at < static_cast<std::size_t>(bytes)) return 0;
    uint32_t value = 0;
    for (int i = 0; i < bytes; ++i) {
      const auto byte = static_cast<uint8_t>(text_[at + static_cast<std::size_t>(i)]);
      value |= uint32_t{byte} << 8 * (big_endian_ ? bytes - 1 - i : i);
    }
    return value;
  }

 private:
  std::string_view text_;
  bool big_endian_;
};

}  // namespace

std::optional<int> exif_orientation(std::span<const std::byte> segment) {
  constexpr std::string_view kMark = "Exif\0\0"sv;
  constexpr uint32_t kOrientation = 0x0112, kShort = 3;
  constexpr std::size_t kEntryBytes = 12;
  std::string_view text = as_text(segment);
  if (!text.starts_with(kMark)) return std::nullopt;
  text.remove_prefix(kMark.size());
  if (!text.starts_with("II*\0"sv) && !text.starts_with("MM\0*"sv)) return std::nullopt;
  const TiffReader tiff(text);
  const std::size_t directory = tiff.number(4, 4);
  const uint32_t entries = tiff.number(directory, 2);
  for (uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + kEntryBytes * i;
    if (tiff.number(entry, 2) != kOrientation || tiff.number(entry + 2, 2) != kShort) continue;
    const auto value = static_cast<int>(tiff.number(entry + 8, 2));
    if (value >= 1 && value <= 8) return value;
  }
  return std::nullopt;
}

Image turned_upright(const Image& image, int orientation) {
  if (orientation == kUpright) return image;
  // What is row 0 and column 0 of the stored picture: 2 top right, 3 bottom right, 4 bottom left,
  // 5 left top, 6 right top, 7 right bottom, 8 left bottom.
  const bool swapped = swaps_sides(orientation);
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image result = image;
  if (swapped) std::swap(result.height, result.width);
  auto to = result.pixels.begin();
  for (int64_t y = 0; y < result.height; ++y) {
    for (int64_t x = 0; x < result.width; ++x) {
      int64_t column = swapped ? y : x, row = swapped ? x : y;
      if (from_right) column = image.width - 1 - column;
      if (from_bottom) row = image.height - 1 - row;
      const auto from = image.pixels.begin() + (row * image.width + column) * image.channels;
      to = std::copy_n(from, image.channels, to);
    }
  }
  return result;
}

}  // namespace vae
