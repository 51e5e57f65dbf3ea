// SPDX-License-Identifier: MIT
#include "host/data/picture.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "host/io/ascii.h"
#include "host/io/foreign.h"
#include "host/io/jpeg.h"
#include "host/io/png.h"
#include "kernels/check.h"

namespace vae {
namespace {

template <typename Ends>
bool has_extension(const std::string& name, const Ends& ends) {
  const std::string extension = lower_case(std::filesystem::path(name).extension().string());
  return std::find(ends.begin(), ends.end(), extension) != ends.end();
}

/// Damaged, or a picture that another program reads.
[[noreturn]] void fail_no_picture(std::span<const std::byte> file, std::string_view origin) {
  const std::string kind = describe_start(file.first(std::min<std::size_t>(file.size(), 64)));
  refuse_foreign_picture(kind, origin);
  fail(ErrorCode::corrupt, origin, ": not a picture: expected a PNG or JPEG file, found ", kind,
       "; the file is damaged, incomplete or of another kind");
}

}  // namespace

std::string to_text(const PictureSize& size) {
  return concat(size.width, " x ", size.height, " pixels ",
                size.channels == 1 ? "in grey" : "in colour");
}

bool is_picture(std::span<const std::byte> content) {
  return looks_like_png(content) || looks_like_jpeg(content);
}

bool has_picture_name(const std::string& name) {
  return has_extension(name, std::array{".png", ".jpg", ".jpeg", ".jpe", ".jfif"});
}

bool has_foreign_picture_name(const std::string& name) {
  return has_extension(name, std::array{".gif", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".heif",
                                        ".avif", ".ppm", ".pgm"});
}

void refuse_foreign_picture(std::string_view kind, std::string_view origin) {
  if (!kind.ends_with(" picture")) return;
  fail(ErrorCode::unsupported, origin, ": ", kind,
       "; PNG and JPEG pictures are read, save it as one of them");
}

PictureSize picture_size(std::span<const std::byte> file, std::string_view origin) {
  if (looks_like_png(file)) return png_size(file, origin);
  if (!looks_like_jpeg(file)) fail_no_picture(file, origin);
  return jpeg_size(file, origin);
}

Image decode_picture(std::span<const std::byte> file, std::string_view origin) {
  if (looks_like_png(file)) return decode_png(file, origin);
  if (!looks_like_jpeg(file)) fail_no_picture(file, origin);
  return decode_jpeg(file, origin);
}

}  // namespace vae
