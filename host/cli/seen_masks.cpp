// SPDX-License-Identifier: MIT
#include "host/cli/seen_masks.h"

#include <fmt/format.h>

#include <filesystem>

#include "host/cli/files.h"
#include "vae/error.h"
#include "vae/printable.h"

namespace vae::cli {
namespace {

constexpr uint8_t kWhite = 128;

/// Grey pictures, whatever colours they have.
ImageSet load_masks(const std::string& path, const ImageSet& images, Terminal& terminal) {
  ModelConfig size;
  size.height = images.height();
  size.width = images.width();
  size.channels = 1;
  LoadOptions options;
  options.data.grey = true;
  options.log = terminal.log();
  try {
    return load_images(path, size, options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    throw Error(error.code(),
                fmt::format("--mask {}: masks have the images' size, {} x {} (height x width): {}",
                            path, images.height(), images.width(), error.what()));
  }
}

std::string without_extension(const std::string& name) {
  return std::filesystem::path(name).replace_extension().string();
}

void require_one_each(const std::string& path, const ImageSet& masks, const ImageSet& images) {
  if (masks.count() < images.count()) {
    throw Error(ErrorCode::corrupt,
                fmt::format("--mask {}: {} masks of {} images; give one for all, or one of each",
                            path, masks.count(), images.count()));
  }
  if (masks.names().empty() || images.names().empty()) return;
  for (int64_t i = 0; i < images.count(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::string &mask = masks.names()[at], &image = images.names()[at];
    if (without_extension(mask) == without_extension(image)) continue;
    throw Error(ErrorCode::corrupt,
                fmt::format("--mask {}: masks have the names of their pictures, but that of {} is "
                            "called {}",
                            path, printable_line(image), printable_line(mask)));
  }
}

}  // namespace

std::vector<uint8_t> load_seen_masks(const std::string& path, const ImageSet& images,
                                     Terminal& terminal) {
  require_input(path);
  const ImageSet masks = load_masks(path, images, terminal);
  const bool for_all = masks.count() == 1;
  if (!for_all) require_one_each(path, masks, images);
  const int64_t pixels = images.height() * images.width();
  const auto used =
      masks.pixels().first(static_cast<std::size_t>((for_all ? 1 : images.count()) * pixels));
  std::vector<uint8_t> seen;
  for (const uint8_t level : used) seen.push_back(level >= kWhite ? 1 : 0);
  return seen;
}

}  // namespace vae::cli
