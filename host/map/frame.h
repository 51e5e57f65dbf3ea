// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/draw/palette.h"
#include "vae/latent_map.h"

namespace vae {

/// One class of a map, as every drawing of it shows it.
struct MapClass {
  int64_t label = 0;
  std::string name;
  Colour colour;
  double x = 0.0, y = 0.0;  ///< The mean of its points.
};

/// What two drawings of one map have in common: ranges of the axes, their ticks, and the classes.
struct MapFrame {
  double x_low = 0.0, x_high = 0.0, y_low = 0.0, y_high = 0.0;
  std::vector<double> x_ticks, y_ticks;
  std::vector<MapClass> classes;  ///< Those that occur, by label; none where there are no labels.
  bool named_in_place = false;    ///< So few and short that their names fit among the dots.

  /// The colour of point `index`.
  Colour colour_of(const LatentMap& map, int64_t index) const;
};

MapFrame make_map_frame(const LatentMap& map);

}  // namespace vae
