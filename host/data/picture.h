// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "vae/image.h"

namespace vae {

/// What a picture claims to be, before it is decoded.
struct PictureSize {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 1;  // of the decoded picture

  bool operator==(const PictureSize&) const = default;
};

/// "640 x 480 pixels in colour", width first as everybody says it.
std::string to_text(const PictureSize& size);

/// Whether the content starts like a picture that is read: PNG or JPEG, whatever the file's name.
bool is_picture(std::span<const std::byte> content);

/// Whether people name such pictures so.
bool has_picture_name(const std::string& name);
/// Pictures of kinds that are not read.
bool has_foreign_picture_name(const std::string& name);

/// Throws Error(corrupt), or Error(unsupported) for a picture of another kind.
PictureSize picture_size(std::span<const std::byte> file, std::string_view origin);

/// Throws what picture_size() throws.
Image decode_picture(std::span<const std::byte> file, std::string_view origin);

/// More bytes than a picture has; read_file() refuses them.
inline constexpr uint64_t kLargestPictureFile = uint64_t{256} << 20;

}  // namespace vae
