// SPDX-License-Identifier: MIT
//
// Clips made of single images, which move in them: as Moving MNIST [Srivastava et al. 2015], whose
// frames are the channels of an image here.
#pragma once

#include <cstdint>

#include "host/data/scene_parts.h"
#include "vae/dataset.h"

namespace vae {

/// How a thing moves in a clip: straight on, and thrown back where its ink meets the border. Places
/// and steps are whole numbers of kPlaceUnits to a pixel, so that all machines have the same.
struct Path {
  /// Where the ink's upper left corner is at frame 0, and its steps, without a border.
  int64_t top = 0, left = 0, down = 0, aside = 0;
  /// The last places that it may have, all of the ink being in the clip.
  int64_t last_top = 0, last_left = 0;

  /// The pixel row of the corner at a frame, and its column.
  int64_t row(int64_t frame) const;
  int64_t column(int64_t frame) const;
};

inline constexpr int64_t kPlaceUnits = 1 << 16;

/// The next path that is drawn: a place, one of all directions and a speed between `slowest` and
/// `fastest` pixels a frame, of a thing that may lie `last_row` pixels down and `last_column`
/// aside.
Path draw_path(SceneDraws& draws, const SceneConfig& config, int64_t last_row, int64_t last_column);

/// Clips of a set, as many as config.count says, [height, width, frames]. What is drawn depends on
/// the set's split and the clip's number alone, and on no number of frames: longer clips begin as
/// shorter ones. Throws Error(invalid_argument) for images with masks or side vectors or larger
/// than a clip, and Error(unsupported) for others than grey ones. `first` is the number of the
/// first.
ImageSet make_clips(const ImageSet& images, const SceneConfig& config, int64_t first = 0);

}  // namespace vae
