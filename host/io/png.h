// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "host/io/picture_size.h"
#include "vae/image.h"

namespace vae {

bool looks_like_png(std::span<const std::byte> content);

/// Decodes nothing. Throws Error(corrupt).
PictureSize png_size(std::span<const std::byte> file, std::string_view origin);

/// Whether its levels are those of the bytes in the file: not so of colours, palettes, transparent
/// pictures and other depths. png_size() has accepted the file.
bool is_8_bit_grey_png(std::span<const std::byte> file);

/// Reads any PNG as 8-bit grey or RGB; a transparent one is laid on black. Every chunk's checksum,
/// the order of chunks and the sizes are checked before a pixel is decoded; a picture is refused
/// that claims more pixels than its bytes can hold. Throws Error(corrupt).
Image decode_png(std::span<const std::byte> file, std::string_view origin);

}  // namespace vae
