// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vae/array.h"
#include "vae/image.h"

namespace vae {

/// Codes as points of a plane, to see what lies beside what in latent space.
struct LatentMap {
  Array points;                    ///< [n, 2]: to the right, upwards.
  std::vector<uint8_t> labels;     ///< The class of each point, or empty.
  std::vector<std::string> names;  ///< Of the classes, by label; a label beyond is its own name.
  std::string x_axis;              ///< What stands below the map, for people.
  std::string y_axis;              ///< And beside it; empty where the height means nothing.
  std::vector<double> explained;   ///< Share of the variance along each axis; empty without PCA.
  std::string note;                ///< What a drawing says below, such as what it leaves out.
  std::vector<int64_t> rows;       ///< Of which row of the codes each point is.
  /// The code that lies at (x, y): origin + x directions[0] + y directions[1], of Z numbers each.
  /// One direction where Z is 1: the height means nothing.
  std::vector<double> origin;
  std::vector<std::vector<double>> directions;  ///< Unit vectors.
};

/// The map of codes [n, Z], n and Z at least 1. Two dimensions are the plane itself. One is the
/// axis to the right, with a row for each class (and chance within it) upwards. More are laid onto
/// their two principal components; `explained` has their shares. Codes that are not finite are left
/// out, and `note` says so. `labels` is empty or has one for each code. Throws
/// Error(invalid_argument).
///
///   const Posterior posterior = model.encode(data.test);
///   save_png("map.png", draw_latent_map(make_latent_map(posterior.mean, data.test.labels())));
LatentMap make_latent_map(const Array& codes, std::span<const uint8_t> labels = {},
                          std::span<const std::string> names = {});

/// A picture of the map, `side` pixels (100 to 8192) the square of the dots, with axes, ticks and a
/// legend of the classes. Both axes have one scale, but for a single dimension. Names are drawn
/// where the picture's typeface has them: ASCII and Latin-1.
Image draw_latent_map(const LatentMap& map, int64_t side = 800);

/// The same as an SVG document of some 15 bytes a dot, with light and dark colours, for pages.
std::string latent_map_svg(const LatentMap& map);

}  // namespace vae
