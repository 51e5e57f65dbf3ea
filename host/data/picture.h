// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "host/io/picture_size.h"
#include "vae/image.h"

namespace vae {

/// "640 x 480 pixels in colour", width first as everybody says it.
std::string to_text(const PictureSize& size);

/// Whether the content starts like a picture that is read: PNG or JPEG, whatever the file's name.
bool is_picture(std::span<const std::byte> content);

/// Whether people name such pictures so.
bool has_picture_name(const std::string& name);
/// Pictures of kinds that are not read.
bool has_foreign_picture_name(const std::string& name);

/// Throws Error(unsupported) if describe_start() said that this is a picture: of a kind not read.
void refuse_foreign_picture(std::string_view kind, std::string_view origin);

/// Throws Error(corrupt), or Error(unsupported) for a picture of another kind.
PictureSize picture_size(std::span<const std::byte> file, std::string_view origin);

/// Throws what picture_size() throws.
Image decode_picture(std::span<const std::byte> file, std::string_view origin);

/// More bytes than a picture has; read_file() refuses them.
inline constexpr uint64_t kLargestPictureFile = uint64_t{256} << 20;

}  // namespace vae
