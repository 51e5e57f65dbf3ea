// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include "host/data_folder.h"
#include "host/io/ascii.h"
#include "host/io/atomic_file.h"
#include "host/io/conversion.h"
#include "host/io/foreign.h"
#include "host/io/idx.h"
#include "host/io/input_file.h"
#include "host/io/png.h"
#include "kernels/check.h"
#include "vae/dataset.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLargestPngBytes = uint64_t{256} << 20;

std::string size_text(int64_t height, int64_t width, int64_t channels) {
  return concat(height, " x ", width, " pixels with ", channels,
                channels == 1 ? " channel" : " channels");
}

/// The picture is fine, only not what the model takes: `found` says how.
[[noreturn]] void fail_picture(const std::string& path, const ImageSet& wanted,
                               const std::string& found) {
  fail(ErrorCode::unsupported, path, ": expected a PNG picture of ",
       size_text(wanted.height(), wanted.width(), wanted.channels()), ", found ", found,
       "; this makes it one (Python 3 with Pillow), transparent parts white:\n",
       picture_command(path, wanted.height(), wanted.width(), wanted.channels()));
}

std::string start_of(const std::string& path) {
  std::array<char, 64> start = {};
  const size_t count = InputFile(path).read(std::as_writable_bytes(std::span(start)));
  return {start.data(), count};
}

/// Names in the order of people: digits count as numbers, so that 2.png stands before 10.png.
bool natural_less(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto take_number = [&](std::string_view& text) {
    const size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    std::string_view number = text.substr(0, end);
    text.remove_prefix(end);
    number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
    return number;
  };
  const std::pair whole(a, b);
  while (!a.empty() && !b.empty()) {
    if (is_digit(a[0]) && is_digit(b[0])) {
      const std::string_view left = take_number(a), right = take_number(b);
      if (left.size() != right.size()) return left.size() < right.size();
      if (left != right) return left < right;
    } else {
      if (a[0] != b[0]) return a[0] < b[0];
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole.first < whole.second;  // 01 and 1
}

struct Pictures {
  std::vector<std::string> png, others;  // paths
};

Pictures list_pictures(const std::string& folder) {
  constexpr std::array kOthers = {".jpg",  ".jpeg", ".gif",  ".bmp",
                                  ".webp", ".tif",  ".tiff", ".heic"};
  Pictures found;
  try {
    for (const auto& entry : fs::directory_iterator(folder)) {
      std::error_code ignored;
      if (is_litter(entry.path().filename().string()) || !entry.is_regular_file(ignored)) continue;
      const std::string extension = lower_case(entry.path().extension().string());
      if (extension == ".png") found.png.push_back(entry.path().string());
      if (std::find(kOthers.begin(), kOthers.end(), extension) != kOthers.end()) {
        found.others.push_back(entry.path().string());
      }
    }
  } catch (const fs::filesystem_error& failure) {
    fail(ErrorCode::io, "cannot list ", folder, ": ", failure.code().message());
  }
  std::sort(found.png.begin(), found.png.end(), natural_less);
  std::sort(found.others.begin(), found.others.end(), natural_less);
  return found;
}

ImageSet load_png_files(const std::vector<std::string>& paths, const ImageSet& wanted) {
  std::vector<uint8_t> pixels;
  for (const std::string& path : paths) {
    const std::vector<std::byte> file = read_file(path, kLargestPngBytes);
    const PngSize size = png_size(file, path);  // compared before that much is decoded
    if (size.height != wanted.height() || size.width != wanted.width() ||
        size.channels != wanted.channels()) {
      fail_picture(path, wanted, size_text(size.height, size.width, size.channels));
    }
    const Image image = decode_png(file, path);
    pixels.insert(pixels.end(), image.pixels.begin(), image.pixels.end());
  }
  return {wanted.height(), wanted.width(), wanted.channels(), std::move(pixels)};
}

ImageSet load_folder(const std::string& folder, const ImageSet& wanted, const LogCallback& log) {
  const Pictures pictures = list_pictures(folder);
  if (pictures.png.empty() && !pictures.others.empty()) {
    fail_picture(pictures.others.front(), wanted, "a picture of another kind");
  }
  if (pictures.png.empty()) {
    fail(ErrorCode::io, folder,
         ": no PNG files in this folder; name a PNG file, an IDX file or a folder of PNG files");
  }
  if (!pictures.others.empty() && log) {
    log(LogLevel::warning,
        concat(folder, ": ", pictures.others.size(),
               " pictures that are no PNG files are left out, such as ", pictures.others.front()));
  }
  return load_png_files(pictures.png, wanted);
}

ImageSet load_idx_file(const std::string& path, const ImageSet& wanted) {
  IdxArray images = read_idx(path, IdxContent::images);
  const int64_t channels = images.dims.size() == 4 ? images.dims[3] : 1;
  if (images.dims[1] != wanted.height() || images.dims[2] != wanted.width() ||
      channels != wanted.channels()) {
    fail(ErrorCode::unsupported, path, ": the model takes images of ",
         size_text(wanted.height(), wanted.width(), wanted.channels()), ", the file holds ",
         size_text(images.dims[1], images.dims[2], channels),
         "; choose the model or the images that belong together");
  }
  return {wanted.height(), wanted.width(), channels, std::move(images.values)};
}

}  // namespace

std::vector<std::string> image_files(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {};
  std::vector<std::string> names;
  for (const std::string& file : list_pictures(path).png) {
    names.push_back(fs::path(file).filename().string());
  }
  return names;
}

ImageSet load_images(const std::string& path, int64_t height, int64_t width, int64_t channels,
                     const LogCallback& log) {
  const ImageSet wanted(height, width, channels, {});
  std::error_code error;
  if (fs::is_directory(path, error)) return load_folder(path, wanted, log).as(Split::test);
  const std::string start = start_of(path);
  const bool png = start.starts_with("\x89PNG\r\n\x1a\n");
  const std::string kind = describe_start(std::as_bytes(std::span(start)));
  if (!png && kind.ends_with(" picture")) fail_picture(path, wanted, kind);
  return (png ? load_png_files({path}, wanted) : load_idx_file(path, wanted)).as(Split::test);
}

}  // namespace vae
