// SPDX-License-Identifier: MIT
#include "host/io/png.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>

#include "host/io/atomic_file.h"
#include "host/io/foreign.h"
#include "host/io/gzip.h"
#include "kernels/check.h"

namespace vae {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "\x89PNG\r\n\x1A\n"sv;
constexpr uint32_t kLargestSide = 1 << 16;
constexpr uint64_t kLargestPicture = uint64_t{1} << 28;  // bytes decoded

[[noreturn]] void fail_corrupt_png(std::string_view origin, std::string_view expected,
                                   std::string_view found) {
  fail(ErrorCode::corrupt, origin, ": not a readable PNG picture: expected ", expected, ", found ",
       found, "; the file is damaged, incomplete or of another kind");
}

uint32_t big_endian(std::string_view text) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(text[i]);
  return value;
}

/// Walks the chunks from IHDR to IEND. libpng alone stops reading behind the last row and only
/// warns about damaged ancillary chunks. What is behind IEND is no part of the picture: editors and
/// downloads leave a line end there.
void check_chunks(std::string_view text, std::string_view origin) {
  constexpr size_t kFrame = 12;  // length, type, checksum
  text.remove_prefix(kSignature.size());
  for (bool first = true;; first = false) {
    if (text.size() < kFrame) fail_corrupt_png(origin, "another chunk", "the file's end");
    const uint32_t length = big_endian(text);
    if (length > text.size() - kFrame) {
      fail_corrupt_png(origin, concat("a chunk of at most ", text.size() - kFrame, " bytes"),
                       concat("a length of ", length));
    }
    const std::string_view type = text.substr(4, 4);
    const std::string_view covered = text.substr(4, 4 + length);
    const auto sum = static_cast<uint32_t>(
        ::crc32_z(0, reinterpret_cast<const Bytef*>(covered.data()), covered.size()));
    if (sum != big_endian(text.substr(8 + length))) {
      fail_corrupt_png(origin, "a right checksum", concat("a damaged chunk ", type));
    }
    if (first && (type != "IHDR" || length != 13))
      fail_corrupt_png(origin, "IHDR first", "another chunk");
    text.remove_prefix(kFrame + length);
    if (type == "IEND") return;
  }
}

/// Sizes from IHDR, the first chunk.
void check_size(std::string_view text, std::string_view origin) {
  const uint32_t width = big_endian(text.substr(16));
  const uint32_t height = big_endian(text.substr(20));
  const bool fits = width > 0 && height > 0 && width <= kLargestSide && height <= kLargestSide &&
                    uint64_t{width} * height * 3 <= kLargestPicture;
  // One bit a pixel is the least a PNG stores.
  const uint64_t holds = text.size() * kLargestDeflateRatio * 8;
  if (!fits || uint64_t{width} * height > holds) {
    fail_corrupt_png(origin,
                     concat("1 to ", kLargestSide, " pixels a side, together at most ",
                            std::min(holds, kLargestPicture / 3)),
                     concat(width, " x ", height));
  }
}

/// libpng's simplified interface; frees itself.
struct PngImage : png_image {
  PngImage() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~PngImage() { ::png_image_free(this); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
};

}  // namespace

std::vector<std::byte> encode_png(const Image& image) {
  VAE_CHECK(image.channels == 1 || image.channels == 3, "a PNG picture has 1 or 3 channels, not ",
            image.channels);
  VAE_CHECK(image.width >= 1 && image.width <= kLargestSide && image.height >= 1 &&
                image.height <= kLargestSide,
            "a PNG picture of ", image.width, " x ", image.height, " pixels is not supported");
  VAE_CHECK(
      static_cast<int64_t>(image.pixels.size()) == image.height * image.width * image.channels,
      "the picture has ", image.pixels.size(), " values, not ", image.height, " x ", image.width,
      " x ", image.channels);
  PngImage png;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = image.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::vector<std::byte> file(bytes);
  if (::png_image_write_to_memory(&png, file.data(), &bytes, 0, image.pixels.data(), 0, nullptr) ==
      0) {
    fail(ErrorCode::out_of_memory, "cannot encode a PNG picture of ", image.width, " x ",
         image.height, " pixels: ", png.message);
  }
  file.erase(file.begin() + static_cast<std::ptrdiff_t>(bytes), file.end());
  return file;
}

bool looks_like_png(std::span<const std::byte> content) {
  return as_text(content).starts_with(kSignature);
}

PictureSize png_size(std::span<const std::byte> file, std::string_view origin) {
  const std::string_view text = as_text(file);
  if (!looks_like_png(file)) fail_corrupt_png(origin, "PNG's signature", describe_start(file));
  check_chunks(text, origin);
  check_size(text, origin);
  constexpr int kColour = 2;  // the bit of IHDR's colour type
  return {big_endian(text.substr(20)), big_endian(text.substr(16)), text[25] & kColour ? 3 : 1};
}

bool is_8_bit_grey_png(std::span<const std::byte> file) {
  constexpr std::size_t kDepth = 24, kColourType = 25;  // of IHDR
  const std::string_view text = as_text(file);
  return text[kDepth] == 8 && text[kColourType] == 0 && text.find("tRNS") == text.npos;
}

Image decode_png(std::span<const std::byte> file, std::string_view origin) {
  png_size(file, origin);
  PngImage png;
  if (::png_image_begin_read_from_memory(&png, file.data(), file.size()) == 0) {
    fail_corrupt_png(origin, "a PNG header", png.message);
  }
  const bool colour = (png.format & PNG_FORMAT_FLAG_COLOR) != 0;
  png.flags |=
      PNG_IMAGE_FLAG_16BIT_sRGB;  // as everyone writes them; libpng would take linear light
  png.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  Image image = {
      .height = png.height, .width = png.width, .channels = colour ? 3 : 1, .pixels = {}};
  image.pixels.resize(PNG_IMAGE_SIZE(png));
  const png_color black = {};
  if (::png_image_finish_read(&png, &black, image.pixels.data(), 0, nullptr) == 0) {
    fail_corrupt_png(origin, "pixels of all rows", png.message);
  }
  return image;
}

}  // namespace vae
