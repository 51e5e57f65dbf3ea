// SPDX-License-Identifier: MIT
//
// What scenes and clips have in common: the numbers they are drawn by, and what they are made of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/philox.h"
#include "vae/dataset.h"

namespace vae {

/// The numbers of one scene, one after the other. They depend on its split and its number alone:
/// no run's seed is their key, so that every run has the same scenes.
class SceneDraws {
 public:
  SceneDraws(Split split, int64_t scene)
      : row_(philox_row(kKey, Stream::scene, static_cast<uint32_t>(split),
                        static_cast<uint32_t>(scene))) {}

  /// 0 to count - 1, of a count up to 2^32.
  int64_t below(int64_t count) {
    return static_cast<int64_t>(uint64_t{word_of(row_, next_++)} * static_cast<uint64_t>(count) >>
                                32);
  }

 private:
  static constexpr uint64_t kKey = 0;

  PhiloxRow row_;
  uint32_t next_ = 0;
};

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

/// The images that the scenes of a set are made of.
class SceneImages {
 public:
  /// Keeps the address of both.
  SceneImages(const ImageSet& images, const SceneConfig& config)
      : images_(images), config_(config) {}

  /// Those of one scene: `first` and others, no image twice.
  std::vector<int64_t> draw(SceneDraws& draws, int64_t first) const;
  /// The smallest area around all pixels with a value above `level`; none where there is none.
  Area area_above(int level, int64_t image) const;
  /// The values of one pixel of an image.
  std::span<const uint8_t> pixel(int64_t image, int64_t row, int64_t column) const {
    const int64_t at = (image * images_.height() + row) * images_.width() + column;
    return images_.pixels().subspan(at * images_.channels(), images_.channels());
  }

 private:
  const ImageSet& images_;
  const SceneConfig& config_;
};

/// How many scenes are made of a set.
int64_t scenes_of(const ImageSet& images, const SceneConfig& config);

/// Throws Error(invalid_argument) for images with something beside them that would be lost, for
/// larger ones than a scene, and where all scenes, of so many bytes a pixel, would take too much.
void require_room_for_scenes(const ImageSet& images, const SceneConfig& config,
                             int64_t pixel_bytes);

}  // namespace vae
