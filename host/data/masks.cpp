// SPDX-License-Identifier: MIT
#include "host/data/masks.h"

#include <filesystem>
#include <utility>

#include "host/data/picture.h"
#include "host/data/prepare.h"
#include "host/io/atomic_file.h"
#include "host/io/npy.h"
#include "host/io/png.h"
#include "kernels/check.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

std::string mask_dims_text(const std::vector<int64_t>& dims) {
  std::string text;
  for (const int64_t dim : dims) text += concat(text.empty() ? "" : ", ", dim);
  return "[" + text + "]";
}

/// Masks [images, height, width]; `whose` they are stands in messages.
void check_dims(const ByteArray& masks, int64_t images, const ImageSet& set,
                std::string_view origin, const std::string& whose) {
  if (masks.dims == std::vector<int64_t>{images, set.height(), set.width()}) return;
  fail(ErrorCode::corrupt, origin, ": expected masks [", images, ", ", set.height(), ", ",
       set.width(), "], a class for each pixel of ", whose, ", found an array ",
       mask_dims_text(masks.dims));
}

}  // namespace

ImageSet with_masks_of(const ImageSet& images, ByteArray masks, std::string_view origin) {
  check_dims(masks, images.count(), images, origin, concat("the ", images.count(), " images"));
  return images.with_masks(std::move(masks.values));
}

Dataset with_mask_file(const Dataset& data, const std::string& path) {
  ByteArray masks = read_npy_bytes(path, ArrayContent::labels);
  const int64_t train = data.train.count(), test = data.test.count();
  check_dims(masks, train + test, data.train, path,
             concat("the ", train, " images",
                    test > 0 ? concat(" for training and then of the ", test, " for testing")
                             : std::string()));
  const auto border = masks.values.begin() + train * data.train.height() * data.train.width();
  Dataset masked = data;
  if (test > 0) masked.test = data.test.with_masks({border, masks.values.end()});
  masked.train = data.train.with_masks({masks.values.begin(), border});
  return masked;
}

std::vector<uint8_t> read_picture_mask(const std::string& folder, const std::string& name,
                                       const PictureSize& picture, const DataConfig& config) {
  const std::string path = (fs::path(folder) / fs::path(name).replace_extension(".png")).string();
  std::error_code error;
  if (!fs::exists(path, error)) {
    fail(ErrorCode::io, path, ": there is no mask of the picture ", name,
         "; masks (--masks) are PNG files named like the pictures, a grey level for each class");
  }
  const auto file = read_file(path, kLargestPictureFile);
  const PictureSize size = png_size(file, path);
  if (size.height != picture.height || size.width != picture.width) {
    fail(ErrorCode::corrupt, path, ": the mask has ", size.width, " x ", size.height,
         " pixels, but its picture ", name, " has ", picture.width, " x ", picture.height);
  }
  if (!is_8_bit_grey_png(file)) {
    fail(ErrorCode::unsupported, path,
         ": a mask is a PNG of 8-bit grey levels, a class each, and this one has colours, a "
         "palette, transparency or other levels; with Pillow: Image.fromarray(classes.astype"
         "('uint8')).save(...)");
  }
  return prepare_mask(decode_png(file, path), config).pixels;
}

}  // namespace vae
