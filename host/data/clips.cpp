// SPDX-License-Identifier: MIT
#include "host/data/clips.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "kernels/check.h"

namespace vae {
namespace {

/// The largest number whose square is no larger.
int64_t integer_root(uint64_t square) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 31; bit > 0; bit >>= 1) {
    if ((root | bit) * (root | bit) <= square) root |= bit;
  }
  return static_cast<int64_t>(root);
}

/// A place on a line that is folded between 0 and `last`.
int64_t folded(int64_t place, int64_t last) {
  if (last == 0) return 0;
  const int64_t period = 2 * last;
  const int64_t within = (place % period + period) % period;
  return std::min(within, period - within);
}

int64_t nearest_pixel(int64_t place) { return (place + kPlaceUnits / 2) / kPlaceUnits; }

/// A point of a ring, whose direction is as likely as any other, and its distance from the middle
/// in units of 2^-16.
struct Direction {
  int64_t y = 0, x = 0, length = 0;
};

Direction draw_direction(SceneDraws& draws) {
  constexpr int64_t kRadius = 1 << 14, kOuter = kRadius * kRadius, kInner = kOuter / 4;
  while (true) {
    const int64_t y = draws.below(2 * kRadius + 1) - kRadius;
    const int64_t x = draws.below(2 * kRadius + 1) - kRadius;
    const int64_t square = y * y + x * x;
    if (square > kOuter || square < kInner) continue;
    return {y, x, integer_root(static_cast<uint64_t>(square) << 32)};
  }
}

int64_t in_units(double pixels) {
  return static_cast<int64_t>(std::floor(pixels * static_cast<double>(kPlaceUnits)));
}

}  // namespace

int64_t Path::row(int64_t frame) const {
  return nearest_pixel(folded(top + frame * down, last_top));
}

int64_t Path::column(int64_t frame) const {
  return nearest_pixel(folded(left + frame * aside, last_left));
}

Path draw_path(SceneDraws& draws, const SceneConfig& config, int64_t last_row,
               int64_t last_column) {
  Path path;
  path.last_top = last_row * kPlaceUnits;
  path.last_left = last_column * kPlaceUnits;
  path.top = draws.below(path.last_top + 1);
  path.left = draws.below(path.last_left + 1);
  const Direction direction = draw_direction(draws);
  const int64_t slowest = in_units(config.slowest), fastest = in_units(config.fastest);
  const int64_t speed = slowest + draws.below(fastest - slowest + 1);
  path.down = speed * direction.y * kPlaceUnits / direction.length;
  path.aside = speed * direction.x * kPlaceUnits / direction.length;
  return path;
}

namespace {

/// Makes the clips of one set, one by one in any order.
class ClipMaker {
 public:
  ClipMaker(const ImageSet& images, const SceneConfig& config)
      : images_(images), config_(config), parts_(images, config) {}

  /// Clip number `index` into what is all zero before, [height, width, frames].
  void make(int64_t index, std::span<uint8_t> clip) const {
    SceneDraws draws(images_.split(), index);
    for (const int64_t image : parts_.draw(draws, index % images_.count())) {
      const Area ink = parts_.area_above(0, image);
      const Path path = draw_path(draws, config_, config_.size.height - ink.height(),
                                  config_.size.width - ink.width());
      for (int64_t frame = 0; frame < config_.frames; ++frame) {
        add_image(image, ink.moved(path.row(frame) - ink.top, path.column(frame) - ink.left), ink,
                  clip.subspan(static_cast<std::size_t>(frame)));
      }
    }
  }

 private:
  /// The ink of an image at its place in a frame, where it is the brighter.
  void add_image(int64_t image, const Area& place, const Area& ink,
                 std::span<uint8_t> frame) const {
    for (int64_t row = 0; row < ink.height(); ++row) {
      for (int64_t column = 0; column < ink.width(); ++column) {
        const int64_t at = (place.top + row) * config_.size.width + place.left + column;
        uint8_t& there = frame[static_cast<std::size_t>(at * config_.frames)];
        there = std::max(there, parts_.pixel(image, ink.top + row, ink.left + column)[0]);
      }
    }
  }

  const ImageSet& images_;
  const SceneConfig& config_;
  SceneImages parts_;
};

}  // namespace

ImageSet make_clips(const ImageSet& images, const SceneConfig& config, int64_t first) {
  require_room_for_scenes(images, config, config.frames);
  if (images.channels() != 1) {
    fail(ErrorCode::unsupported,
         "scenes with frames (data.scene, --scene) are made of grey images,", " and these have ",
         images.channels(), " channels: --grey makes them grey");
  }
  const int64_t count = scenes_of(images, config);
  const int64_t size = config.size.height * config.size.width * config.frames;
  std::vector<uint8_t> pixels(static_cast<std::size_t>(count * size));
  const ClipMaker maker(images, config);
  for (int64_t i = 0; i < count; ++i)
    maker.make(first + i, std::span(pixels).subspan(i * size, size));
  return ImageSet(config.size.height, config.size.width, config.frames, std::move(pixels));
}

}  // namespace vae
