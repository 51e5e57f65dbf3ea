// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "vae/image.h"

namespace vae {

/// What a JPEG claims to be, upright as its EXIF orientation asks.
struct JpegSize {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 1;  // of the decoded picture
};

bool looks_like_jpeg(std::span<const std::byte> content);

/// Decodes nothing. Throws Error(corrupt).
JpegSize jpeg_size(std::span<const std::byte> file, std::string_view origin);

/// Reads a baseline or progressive JPEG as 8-bit grey or RGB (CMYK is converted), turned as its
/// EXIF orientation asks. What viewers fill up in silence, a truncated or damaged picture, is
/// refused; so is one that claims more pixels than its bytes can hold. Throws Error(corrupt).
Image decode_jpeg(std::span<const std::byte> file, std::string_view origin);

}  // namespace vae
