// SPDX-License-Identifier: MIT
#include "vae/latent_map.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "host/map/principal_axes.h"
#include "host/text/number_text.h"
#include "kernels/check.h"

namespace vae {
namespace {

/// The codes that are finite; the map gets their rows and the labels that belong to them.
void keep_finite(const Array& codes, std::span<const uint8_t> labels, Array& kept, LatentMap& map) {
  kept.shape = {0, codes.row_size()};
  for (int64_t i = 0; i < codes.rows(); ++i) {
    const float* row = codes.row(i);
    const float* end = row + codes.row_size();
    if (!std::all_of(row, end, [](float value) { return std::isfinite(value); })) continue;
    kept.values.insert(kept.values.end(), row, end);
    ++kept.shape[0];
    map.rows.push_back(i);
    if (!labels.empty()) map.labels.push_back(labels[static_cast<size_t>(i)]);
  }
}

/// Chance that depends on a number only, in [-0.5, 0.5): Weyl's sequence fills a band evenly.
double scatter(int64_t index) {
  constexpr double kGolden = 0.6180339887498949;
  const double product = static_cast<double>(index) * kGolden;
  return product - std::floor(product) - 0.5;
}

/// One dimension: a band for each class, the lowest label on top.
void spread_bands(const Array& codes, LatentMap& map) {
  constexpr double kBand = 0.7;
  std::vector<uint8_t> classes = map.labels;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  for (int64_t i = 0; i < codes.rows(); ++i) {
    double band = 0.0;
    if (!map.labels.empty()) {
      const uint8_t label = map.labels[static_cast<size_t>(i)];
      band = static_cast<double>(std::lower_bound(classes.begin(), classes.end(), label) -
                                 classes.begin());
    }
    map.points.values.push_back(codes.row(i)[0]);
    map.points.values.push_back(static_cast<float>(kBand * scatter(i) - band));
  }
  map.x_axis = "latent dimension 0";
}

std::string component_text(const char* which, double share) {
  return std::string(which) + " principal component: " + fixed_text(100.0 * share, 1) +
         " % of the variance";
}

/// One or two dimensions are those of the map itself.
void take_own_axes(size_t dimensions, LatentMap& map) {
  map.origin.assign(dimensions, 0.0);
  for (size_t k = 0; k < dimensions; ++k) {
    std::vector<double>& direction = map.directions.emplace_back(dimensions, 0.0);
    direction[k] = 1.0;
  }
}

void project(const Array& codes, LatentMap& map) {
  PrincipalAxes axes = principal_axes(codes, 2);
  for (int64_t i = 0; i < codes.rows(); ++i) {
    for (const std::vector<double>& direction : axes.directions) {
      double place = 0.0;
      for (size_t k = 0; k < direction.size(); ++k) {
        place += (codes.row(i)[k] - axes.mean[k]) * direction[k];
      }
      map.points.values.push_back(static_cast<float>(place));
    }
  }
  map.explained = axes.shares;
  map.x_axis = component_text("first", axes.shares[0]);
  map.y_axis = component_text("second", axes.shares[1]);
  map.origin = std::move(axes.mean);
  map.directions = std::move(axes.directions);
}

}  // namespace

LatentMap make_latent_map(const Array& codes, std::span<const uint8_t> labels,
                          std::span<const std::string> names) {
  VAE_CHECK(codes.shape.size() == 2 && codes.rows() > 0 && codes.row_size() > 0,
            "latent map: codes must be of shape [n, Z], n and Z at least 1");
  VAE_CHECK(labels.empty() || static_cast<int64_t>(labels.size()) == codes.rows(),
            "latent map: there are ", labels.size(), " labels for ", codes.rows(), " codes");
  LatentMap map;
  Array finite;
  keep_finite(codes, labels, finite, map);
  VAE_CHECK(finite.rows() > 0, "latent map: none of ", codes.rows(), " codes is finite");
  map.names.assign(names.begin(), names.end());
  if (const int64_t lost = codes.rows() - finite.rows(); lost > 0) {
    map.note = "left out: " + grouped_text(lost) + " of " + grouped_text(codes.rows()) +
               " images, whose codes are not finite";
  }
  map.points.shape = {finite.rows(), 2};
  if (codes.row_size() == 1) {
    spread_bands(finite, map);
    take_own_axes(1, map);
  } else if (codes.row_size() == 2) {
    map.points = std::move(finite);
    map.x_axis = "latent dimension 0";
    map.y_axis = "latent dimension 1";
    take_own_axes(2, map);
  } else {
    project(finite, map);
  }
  return map;
}

}  // namespace vae
