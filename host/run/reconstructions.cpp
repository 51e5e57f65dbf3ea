// SPDX-License-Identifier: MIT
#include "vae/reconstructions.h"

#include <algorithm>
#include <utility>

#include "host/draw/palette.h"
#include "kernels/check.h"
#include "vae/overlays.h"

namespace vae {
namespace {

std::vector<Image> images_of_rows(const Array& rows, const ModelConfig& model) {
  return to_images(rows, model.height, model.width, model.channels);
}

std::vector<Image> class_images(std::span<const uint8_t> classes, const ModelConfig& model) {
  std::vector<Image> images;
  const auto pixels = static_cast<std::size_t>(model.target_size());
  for (std::size_t at = 0; at < classes.size(); at += pixels) {
    images.push_back(
        class_image(classes.subspan(at, pixels), model.height, model.width, model.target_classes));
  }
  return images;
}

}  // namespace

Image class_image(std::span<const uint8_t> classes, int64_t height, int64_t width, int64_t count) {
  constexpr Colour kBackground = {0, 0, 0}, kNoClass = {224, 224, 224};
  VAE_CHECK(std::ssize(classes) == height * width, "class_image: ", classes.size(),
            " classes are no picture of ", height, " x ", width);
  Image image{height, width, 3, {}};
  for (const uint8_t value : classes) {
    const Colour colour = value == 0      ? kBackground
                          : value < count ? class_colour(value - 1, count - 1)
                                          : kNoClass;
    image.pixels.insert(image.pixels.end(), {colour.red, colour.green, colour.blue});
  }
  return image;
}

std::vector<Array> reconstruction_values(Model& model, const ImageSet& images,
                                         std::optional<Binarization> binarization,
                                         std::optional<uint64_t> seed) {
  VAE_CHECK(!model.config().has_class_target(), "reconstruction values: the model decodes classes ",
            "(model.target ", to_string(model.config().target), "), not images");
  std::vector<Array> values = {model.inputs(images, binarization, seed),
                               model.reconstruct(images, binarization, seed)};
  if (model.restores()) values.push_back(model.targets(images, binarization, seed));
  return values;
}

std::vector<std::vector<Image>> reconstruction_rows(Model& model, const ImageSet& images,
                                                    std::optional<Binarization> binarization,
                                                    std::optional<uint64_t> seed) {
  const ModelConfig& config = model.config();
  VAE_CHECK(config.target != Target::label, "reconstructions: the model decodes a class for each ",
            "image (model.target label), which is no picture");
  VAE_CHECK(config.target != Target::boxes,
            "reconstructions: the model decodes boxes (model.target "
            "boxes), which Model::detect() returns and draw_boxes() draws");
  std::vector<std::vector<Image>> rows;
  if (!config.has_class_target()) {
    for (const Array& values : reconstruction_values(model, images, binarization, seed)) {
      rows.push_back(images_of_rows(values, config));
    }
    return rows;
  }
  std::vector<Image> inputs = images_of_rows(model.inputs(images, binarization, seed), config);
  const Array outputs = model.reconstruct(images, binarization, seed);
  if (config.channels == 1 || config.channels == 3) {
    std::transform(inputs.begin(), inputs.end(), inputs.begin(), in_colour);
    rows.push_back(std::move(inputs));
  }
  if (!images.masks().empty()) rows.push_back(class_images(images.masks(), config));
  rows.push_back(class_images(likeliest_classes(outputs, config.target_classes), config));
  return rows;
}

Image make_bands(const std::vector<std::vector<Image>>& rows, int64_t columns) {
  VAE_CHECK(!rows.empty() && !rows.front().empty() && columns > 0, "make_bands: there is nothing");
  const auto count = std::ssize(rows.front());
  Image black = rows.front().front();
  std::fill(black.pixels.begin(), black.pixels.end(), uint8_t{0});
  std::vector<Image> cells;
  for (int64_t first = 0; first < count; first += columns) {
    for (const std::vector<Image>& row : rows) {
      for (int64_t i = first; i < first + columns; ++i) {
        cells.push_back(i < std::ssize(row) ? row[static_cast<std::size_t>(i)] : black);
      }
    }
  }
  return make_grid(cells, columns);
}

}  // namespace vae
