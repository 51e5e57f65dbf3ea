// SPDX-License-Identifier: MIT
#include "host/data/scene.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "host/data/clips.h"
#include "host/data/scene_parts.h"
#include "host/data/volumes.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr int kInkLevel = 127;          // above it a pixel is the thing's, in masks and boxes
constexpr int kTries = 20;              // to find a place for one thing
constexpr int64_t kClutterSide = 8;     // of a square piece, as Mnih et al. have it
constexpr uint8_t kLargestLabel = 253;  // one class below that of what was not observed

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
      : images_(images), config_(config), parts_(images, config) {}

  /// Where scene number `index` is written, all zero before: [height, width, channels] and, of the
  /// mask, [height, width].
  struct Scene {
    std::span<uint8_t> pixels, mask;
    std::vector<Box>& boxes;
  };
  void make(int64_t index, const Scene& scene) const;

 private:
  void add_clutter(SceneDraws& draws, const Scene& scene) const;
  void add_image(int64_t image, const Area& extent, int64_t down, int64_t aside,
                 const Scene& scene) const;
  /// The brighter of what is there and `values` becomes the scene's pixel.
  void lighten(std::span<const uint8_t> values, int64_t row, int64_t column,
               const Scene& scene) const {
    uint8_t* const there =
        scene.pixels.data() + (row * config_.size.width + column) * images_.channels();
    for (std::size_t i = 0; i < values.size(); ++i) there[i] = std::max(there[i], values[i]);
  }

  const ImageSet& images_;
  const SceneConfig& config_;
  SceneImages parts_;
};

/// Pieces of images from where these are not black, or there would be little to see of them.
void SceneMaker::add_clutter(SceneDraws& draws, const Scene& scene) const {
  for (int64_t piece = 0; piece < config_.clutter; ++piece) {
    const int64_t image = draws.below(images_.count());
    const Area extent = parts_.area_above(0, image);
    const int64_t height = std::min(kClutterSide, extent.height());
    const int64_t width = std::min(kClutterSide, extent.width());
    const int64_t from_row = extent.top + draws.below(extent.height() - height + 1);
    const int64_t from_column = extent.left + draws.below(extent.width() - width + 1);
    const int64_t top = draws.below(config_.size.height - height + 1);
    const int64_t left = draws.below(config_.size.width - width + 1);
    for (int64_t row = 0; row < height; ++row) {
      for (int64_t column = 0; column < width; ++column) {
        lighten(parts_.pixel(image, from_row + row, from_column + column), top + row, left + column,
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
      const auto values = parts_.pixel(image, row, column);
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
  const std::vector<int64_t> drawn = parts_.draw(draws, index);
  add_clutter(draws, scene);
  std::vector<Area> placed;
  for (const int64_t image : drawn) {
    const Area extent = parts_.area_above(0, image), ink = parts_.area_above(kInkLevel, image);
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
  require_room_for_scenes(images, config, images.channels() + 1);
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

ImageSet make_still_scenes(const ImageSet& images, const SceneConfig& config) {
  require_scenes_of(images, config);
  const int64_t count = scenes_of(images, config);
  const int64_t area = config.size.height * config.size.width;
  const int64_t image_size = area * images.channels();
  std::vector<uint8_t> pixels(count * image_size), masks(count * area);
  std::vector<std::vector<Box>> boxes(count);
  const SceneMaker maker(images, config);
  for (int64_t i = 0; i < count; ++i) {
    maker.make(i, {std::span(pixels).subspan(i * image_size, image_size),
                   std::span(masks).subspan(i * area, area), boxes[i]});
  }
  return ImageSet(config.size.height, config.size.width, images.channels(), std::move(pixels))
      .with_masks(std::move(masks))
      .with_boxes(boxes);
}

}  // namespace

ImageSet make_scenes(const ImageSet& images, const SceneConfig& config) {
  Config checked;
  checked.data.scene = config;
  validate_before_data(checked);
  if (images.count() == 0 || config == SceneConfig()) return images;
  const ImageSet scenes = config.frames > 0  ? make_clips(images, config)
                          : config.depth > 0 ? make_volumes(images, config)
                                             : make_still_scenes(images, config);
  auto names = images.names();
  if (!names.empty()) names = names.first(static_cast<std::size_t>(scenes.count()));
  const auto label_names = images.label_names();
  return scenes.with_names({names.begin(), names.end()}, {label_names.begin(), label_names.end()})
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
  if (scene.renew != 0) made.scene_source = std::make_shared<ImageSet>(train);
  return made;
}

ImageSet Dataset::train_in_epoch(int64_t epoch) const {
  if (epoch == 0 || scene_source == nullptr) return train;
  const int64_t first = epoch * scenes_of(*scene_source, prepared.scene);
  SceneConfig scene = prepared.scene;
  scene.count = train.count();
  return make_clips(*scene_source, scene, first).as(train.split());
}

}  // namespace vae
