// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "host/io/picture_size.h"
#include "vae/image.h"

namespace vae {

bool looks_like_jpeg(std::span<const std::byte> content);

/// Decodes nothing. Throws Error(corrupt).
PictureSize jpeg_size(std::span<const std::byte> file, std::string_view origin);

/// Reads a baseline or progressive JPEG as 8-bit grey or RGB (CMYK is converted), turned as its
/// EXIF orientation asks. What viewers fill up in silence, a truncated or damaged picture, is
/// refused; so is one that claims more pixels than its bytes can hold. Throws Error(corrupt).
Image decode_jpeg(std::span<const std::byte> file, std::string_view origin);

}  // namespace vae
