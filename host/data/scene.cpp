// SPDX-License-Identifier: MIT
#include "host/data/scene.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "host/data/scene_draws.h"
#include "host/data/volumes.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr int kInkLevel = 127;          // above it a pixel is the thing's, in masks and boxes
constexpr int kTries = 20;              // to find a place for one thing
constexpr int64_t kClutterSide = 8;     // of a square piece, as Mnih et al. have it
constexpr uint8_t kLargestLabel = 253;  // one class below that of what was not observed

/// Rows top to bottom - 1, columns left to right - 1.
struct Area {
  int64_t top = 0, left = 0, bottom = 0, right = 0;

  int64_t height() const { return bottom - top; }
  int64_t width() const { return right - left; }
  int64_t size() const { return std::max<int64_t>(0, height()) * std::max<int64_t>(0, width()); }
  Area moved(int64_t down, int64_t aside) const {
    return {top + down, left + aside, bottom + down, right + aside};
  }
};

int64_t common_size(const Area& a, const Area& b) {
  return Area{std::max(a.top, b.top), std::max(a.left, b.left), std::min(a.bottom, b.bottom),
              std::min(a.right, b.right)}
      .size();
}

/// Whether two areas share more than a quarter of the smaller one.
bool crowd(const Area& a, const Area& b) {
  return 4 * common_size(a, b) > std::min(a.size(), b.size());
}

/// Makes the scenes of one set, one by one in any order.
class SceneMaker {
 public:
  SceneMaker(const ImageSet& images, const SceneConfig& config)
      : images_(images), config_(config) {}

  /// Where scene number `index` is written, all zero before: [height, width, channels] and, of the
  /// mask, [height, width].
  struct Scene {
    std::span<uint8_t> pixels, mask;
    std::vector<Box>& boxes;
  };
  void make(int64_t index, const Scene& scene) const;

 private:
  std::vector<int64_t> draw_images(SceneDraws& draws, int64_t first) const;
  void add_clutter(SceneDraws& draws, const Scene& scene) const;
  void add_image(int64_t image, const Area& extent, int64_t down, int64_t aside,
                 const Scene& scene) const;
  Area area_above(int level, int64_t image) const;
  /// The values of one pixel of an image.
  std::span<const uint8_t> pixel(int64_t image, int64_t row, int64_t column) const {
    const int64_t at = (image * images_.height() + row) * images_.width() + column;
    return images_.pixels().subspan(at * images_.channels(), images_.channels());
  }
  /// The brighter of what is there and `values` becomes the scene's pixel.
  void lighten(std::span<const uint8_t> values, int64_t row, int64_t column,
               const Scene& scene) const {
    uint8_t* const there =
        scene.pixels.data() + (row * config_.size.width + column) * images_.channels();
    for (std::size_t i = 0; i < values.size(); ++i) there[i] = std::max(there[i], values[i]);
  }

  const ImageSet& images_;
  const SceneConfig& config_;
};

/// The smallest area around all pixels with a value above `level`; none where there is none.
Area SceneMaker::area_above(int level, int64_t image) const {
  Area area{images_.height(), images_.width(), 0, 0};
  const int64_t channels = images_.channels(), row_size = images_.width() * channels;
  const uint8_t* values = images_.pixels().data() + image * images_.image_size();
  for (int64_t row = 0; row < images_.height(); ++row, values += row_size) {
    const auto is_above = [&](uint8_t value) { return value > level; };
    const uint8_t* const first = std::find_if(values, values + row_size, is_above);
    if (first == values + row_size) continue;
    const uint8_t* last = values + row_size - 1;
    while (!is_above(*last)) --last;
    area.top = std::min(area.top, row);
    area.bottom = row + 1;
    area.left = std::min(area.left, (first - values) / channels);
    area.right = std::max(area.right, (last - values) / channels + 1);
  }
  return area.size() > 0 ? area : Area();
}

/// `first` and others, no image twice.
std::vector<int64_t> SceneMaker::draw_images(SceneDraws& draws, int64_t first) const {
  const int64_t wanted = config_.fewest + draws.below(config_.most - config_.fewest + 1);
  std::vector<int64_t> drawn;
  while (std::ssize(drawn) < std::min(wanted, images_.count())) {
    const int64_t image = drawn.empty() ? first : draws.below(images_.count());
    if (std::find(drawn.begin(), drawn.end(), image) == drawn.end()) drawn.push_back(image);
  }
  return drawn;
}

/// Pieces of images from where these are not black, or there would be little to see of them.
void SceneMaker::add_clutter(SceneDraws& draws, const Scene& scene) const {
  for (int64_t piece = 0; piece < config_.clutter; ++piece) {
    const int64_t image = draws.below(images_.count());
    const Area extent = area_above(0, image);
    const int64_t height = std::min(kClutterSide, extent.height());
    const int64_t width = std::min(kClutterSide, extent.width());
    const int64_t from_row = extent.top + draws.below(extent.height() - height + 1);
    const int64_t from_column = extent.left + draws.below(extent.width() - width + 1);
    const int64_t top = draws.below(config_.size.height - height + 1);
    const int64_t left = draws.below(config_.size.width - width + 1);
    for (int64_t row = 0; row < height; ++row) {
      for (int64_t column = 0; column < width; ++column) {
        lighten(pixel(image, from_row + row, from_column + column), top + row, left + column,
                scene);
      }
    }
  }
}

/// All of an image that is not black, so many pixels down and aside.
void SceneMaker::add_image(int64_t image, const Area& extent, int64_t down, int64_t aside,
                           const Scene& scene) const {
  const auto mask_class = static_cast<uint8_t>(images_.labels()[image] + 1);
  for (int64_t row = extent.top; row < extent.bottom; ++row) {
    for (int64_t column = extent.left; column < extent.right; ++column) {
      const auto values = pixel(image, row, column);
      lighten(values, row + down, column + aside, scene);
      if (std::any_of(values.begin(), values.end(),
                      [](uint8_t value) { return value > kInkLevel; })) {
        scene.mask[(row + down) * config_.size.width + column + aside] = mask_class;
      }
    }
  }
}

void SceneMaker::make(int64_t index, const Scene& scene) const {
  SceneDraws draws(images_.split(), index);
  const std::vector<int64_t> drawn = draw_images(draws, index);
  add_clutter(draws, scene);
  std::vector<Area> placed;
  for (const int64_t image : drawn) {
    const Area extent = area_above(0, image), ink = area_above(kInkLevel, image);
    for (int attempt = 0; attempt < kTries; ++attempt) {
      const int64_t down = draws.below(config_.size.height - extent.height() + 1) - extent.top;
      const int64_t aside = draws.below(config_.size.width - extent.width() + 1) - extent.left;
      const Area there = ink.moved(down, aside);
      if (std::any_of(placed.begin(), placed.end(),
                      [&](const Area& other) { return crowd(there, other); })) {
        continue;
      }
      add_image(image, extent, down, aside, scene);
      if (ink.size() == 0) break;  // too dark to be said where
      placed.push_back(there);
      scene.boxes.push_back({static_cast<float>(there.left), static_cast<float>(there.top),
                             static_cast<float>(there.width()), static_cast<float>(there.height()),
                             images_.labels()[image]});
      break;
    }
  }
}

void require_scenes_of(const ImageSet& images, const SceneConfig& config) {
  VAE_CHECK(!images.labels().empty(), "scenes (data.scene, --scene) say what is in them by the ",
            "labels of the images they are made of, and these images have none: name data with ",
            "labels, or for images that are taken as they are leave scenes out (--scene none)");
  require_single_images(images, config,
                        config.size.height * config.size.width * (images.channels() + 1));
  if (images.channels() != 1 && images.channels() != 3) {
    fail(ErrorCode::unsupported,
         "scenes (data.scene, --scene) are made of grey and of RGB images, "
         "and these have ",
         images.channels(), " channels");
  }
  const auto labels = images.labels();
  const auto beyond = std::find_if(labels.begin(), labels.end(),
                                   [](uint8_t label) { return label > kLargestLabel; });
  if (beyond != labels.end()) {
    fail(ErrorCode::unsupported, "scenes (data.scene, --scene): the label of image ",
         beyond - labels.begin(), " is ", static_cast<int>(*beyond), ", and masks have room for 0 ",
         "to ", static_cast<int>(kLargestLabel));
  }
}

}  // namespace

void require_single_images(const ImageSet& images, const SceneConfig& config,
                           int64_t bytes_of_scene) {
  VAE_CHECK(images.masks().empty() && images.side_size() == 0 && !images.has_boxes(),
            "scenes (data.scene, --scene) are made of single images, and the masks, boxes or side ",
            "vectors of these would be lost: leave one of them out");
  VAE_CHECK(images.height() <= config.size.height && images.width() <= config.size.width,
            "scenes of ", to_string(config), " (data.scene, --scene) have no room for images of ",
            images.width(), " x ", images.height(), " pixels: give a size of that or more");
  constexpr int64_t kMostBytes = int64_t{16} << 30;
  VAE_CHECK(images.count() <= kMostBytes / bytes_of_scene, "scenes of ", to_string(config),
            " (data.scene, --scene) of ", images.count(), " images take more than ",
            kMostBytes >> 30, " GiB: give a smaller size");
}

ImageSet make_scenes(const ImageSet& images, const SceneConfig& config) {
  Config checked;
  checked.data.scene = config;
  validate_before_data(checked);
  if (images.count() == 0 || config == SceneConfig()) return images;
  if (config.depth > 0) return make_volumes(images, config);
  require_scenes_of(images, config);
  const int64_t area = config.size.height * config.size.width;
  const int64_t image_size = area * images.channels();
  std::vector<uint8_t> pixels(images.count() * image_size), masks(images.count() * area);
  std::vector<std::vector<Box>> boxes(images.count());
  const SceneMaker maker(images, config);
  for (int64_t i = 0; i < images.count(); ++i) {
    maker.make(i, {std::span(pixels).subspan(i * image_size, image_size),
                   std::span(masks).subspan(i * area, area), boxes[i]});
  }
  const auto names = images.names(), label_names = images.label_names();
  return ImageSet(config.size.height, config.size.width, images.channels(), std::move(pixels))
      .with_names({names.begin(), names.end()}, {label_names.begin(), label_names.end()})
      .with_masks(std::move(masks))
      .with_boxes(boxes)
      .as(images.split());
}

Dataset Dataset::with_scenes(const SceneConfig& scene) const {
  VAE_CHECK(prepared.scene == SceneConfig(), "data set ", name, " has scenes already, ",
            to_string(prepared.scene));
  Dataset made = *this;
  made.train = make_scenes(train, scene);
  made.test = make_scenes(test, scene);
  made.validation = make_scenes(validation, scene);
  made.prepared.scene = scene;
  return made;
}

}  // namespace vae
