// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <filesystem>

#include "host/io/idx.h"
#include "host/io/input_file.h"
#include "host/io/sanitize.h"
#include "kernels/check.h"
#include "vae/dataset.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

std::string size_text(int64_t height, int64_t width, int64_t channels) {
  return concat(height, " x ", width, " pixels with ", channels,
                channels == 1 ? " channel" : " channels");
}

void check_size(const std::string& path, const ImageSet& wanted, int64_t height, int64_t width,
                int64_t channels) {
  if (height == wanted.height() && width == wanted.width() && channels == wanted.channels()) return;
  fail(ErrorCode::corrupt, sanitize_for_terminal(path), ": expected ",
       size_text(wanted.height(), wanted.width(), wanted.channels()), ", found ",
       size_text(height, width, channels), "; scale or convert the image to what the model takes");
}

bool is_png(const std::string& path) {
  constexpr std::array<uint8_t, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  std::array<uint8_t, 8> start = {};
  InputFile(path).read(std::as_writable_bytes(std::span(start)));
  return start == kSignature;
}

/// PNG files of a folder in name order.
std::vector<std::string> png_files(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::string extension = entry.path().extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (extension == ".png" && entry.is_regular_file()) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) {
    fail(ErrorCode::io, sanitize_for_terminal(folder),
         ": no PNG files in this folder; name a PNG file, an IDX file or a folder of PNG files");
  }
  return paths;
}

ImageSet load_png_files(const std::vector<std::string>& paths, const ImageSet& wanted) {
  std::vector<uint8_t> pixels;
  for (const std::string& path : paths) {
    const Image image = load_png(path);
    check_size(path, wanted, image.height, image.width, image.channels);
    pixels.insert(pixels.end(), image.pixels.begin(), image.pixels.end());
  }
  return {wanted.height(), wanted.width(), wanted.channels(), std::move(pixels)};
}

ImageSet load_idx_file(const std::string& path, const ImageSet& wanted) {
  IdxArray images = read_idx(path, IdxContent::images);
  const int64_t channels = images.dims.size() == 4 ? images.dims[3] : 1;
  check_size(path, wanted, images.dims[1], images.dims[2], channels);
  return {wanted.height(), wanted.width(), channels, std::move(images.values)};
}

}  // namespace

ImageSet load_images(const std::string& path, int64_t height, int64_t width, int64_t channels) {
  const ImageSet wanted(height, width, channels, {});
  std::error_code error;
  try {
    if (fs::is_directory(path, error)) {
      return load_png_files(png_files(path), wanted).as(Split::test);
    }
  } catch (const fs::filesystem_error& failure) {
    fail(ErrorCode::io, "cannot list ", sanitize_for_terminal(path), ": ",
         failure.code().message());
  }
  return (is_png(path) ? load_png_files({path}, wanted) : load_idx_file(path, wanted))
      .as(Split::test);
}

}  // namespace vae
