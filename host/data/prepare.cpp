// SPDX-License-Identifier: MIT
#include "host/data/prepare.h"

#include <utility>

#include "host/data/resample.h"
#include "kernels/check.h"

namespace vae {
namespace {

Image transposed(const Image& image) {
  Image result{image.width, image.height, image.channels, {}};
  result.pixels.reserve(image.pixels.size());
  for (int64_t x = 0; x < image.width; ++x) {
    for (int64_t y = 0; y < image.height; ++y) {
      const auto pixel = image.pixels.begin() + (y * image.width + x) * image.channels;
      result.pixels.insert(result.pixels.end(), pixel, pixel + image.channels);
    }
  }
  return result;
}

/// Luma of Rec. 601 with weights of 16 bits, rounded: the numbers of Pillow's convert("L").
Image as_grey(const Image& image) {
  Image result{image.height, image.width, 1, {}};
  result.pixels.reserve(image.pixels.size() / 3);
  for (auto rgb = image.pixels.begin(); rgb != image.pixels.end(); rgb += 3) {
    const uint32_t luma = 19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2];
    result.pixels.push_back(static_cast<uint8_t>((luma + 0x8000u) >> 16));
  }
  return result;
}

Image as_rgb(const Image& image) {
  Image result{image.height, image.width, 3, {}};
  result.pixels.reserve(image.pixels.size() * 3);
  for (const uint8_t grey : image.pixels) result.pixels.insert(result.pixels.end(), 3, grey);
  return result;
}

void require_colour(const Image& image, const char* option) {
  if (image.channels == 1 || image.channels == 3) return;
  fail(ErrorCode::unsupported, option, ": the images have ", image.channels,
       " channels, and only grey (1) and red, green, blue (3) are converted; leave the option out");
}

}  // namespace

bool changes_images(const DataConfig& config) {
  return config.transpose || config.grey || config.rgb || config.size != ImageSize();
}

Image prepare(Image image, const DataConfig& config) {
  if (config.transpose) image = transposed(image);
  if (config.grey) {
    require_colour(image, "--grey");
    if (image.channels == 3) image = as_grey(image);
  }
  if (config.rgb) {
    require_colour(image, "--rgb");
    if (image.channels == 1) image = as_rgb(image);
  }
  return config.size == ImageSize() ? image : resample(image, config.size);
}

Image prepare_mask(Image mask, const DataConfig& config) {
  if (config.transpose) mask = transposed(mask);
  return config.size == ImageSize() ? mask : resample_nearest(mask, config.size);
}

ImageSet prepare(const ImageSet& images, const DataConfig& config) {
  if (!changes_images(config) || images.count() == 0) return images;
  std::vector<uint8_t> pixels, masks;
  Image image;
  for (int64_t i = 0; i < images.count(); ++i) {
    const auto values = images.pixels().subspan(i * images.image_size(), images.image_size());
    image = prepare(Image{images.height(), images.width(), images.channels(),
                          std::vector<uint8_t>(values.begin(), values.end())},
                    config);
    if (i == 0) pixels.reserve(image.pixels.size() * static_cast<std::size_t>(images.count()));
    pixels.insert(pixels.end(), image.pixels.begin(), image.pixels.end());
    if (images.masks().empty()) continue;
    const int64_t size = images.height() * images.width();
    const auto classes = images.masks().subspan(i * size, size);
    const Image mask = prepare_mask(
        {images.height(), images.width(), 1, {classes.begin(), classes.end()}}, config);
    masks.insert(masks.end(), mask.pixels.begin(), mask.pixels.end());
  }
  const auto labels = images.labels();
  const auto names = images.names(), label_names = images.label_names();
  ImageSet set =
      ImageSet(image.height, image.width, image.channels, std::move(pixels),
               {labels.begin(), labels.end()})
          .with_names({names.begin(), names.end()}, {label_names.begin(), label_names.end()})
          .as(images.split());
  return masks.empty() ? set : set.with_masks(std::move(masks));
}

std::string advise(const LoadOptions& options, const std::string& purpose,
                   const std::string& words) {
  if (options.command.empty()) return concat("; to ", purpose, " add ", words);
  return concat("; to ", purpose, ":\n  ", options.command, " ", words);
}

}  // namespace vae
