// SPDX-License-Identifier: MIT
#include "host/map/frame.h"

#include <algorithm>
#include <array>

#include "host/draw/svg_plot.h"

namespace vae {
namespace {

constexpr int kTicks = 6;
constexpr Colour kUnlabelled = {47, 111, 237};
constexpr size_t kLabels = 256;

std::string class_name(const LatentMap& map, int64_t label) {
  const auto index = static_cast<size_t>(label);
  return index < map.names.size() ? map.names[index] : std::to_string(label);
}

/// Classes with names, and digits, have the colour of their label in every map; others that of
/// their place among those that occur.
void colour_classes(const LatentMap& map, std::vector<MapClass>& classes) {
  constexpr int64_t kDigits = 10;
  const int64_t labels = std::max<int64_t>(
      {kDigits, static_cast<int64_t>(map.names.size()), static_cast<int64_t>(classes.size())});
  const bool by_label = classes.back().label < labels;
  for (size_t i = 0; i < classes.size(); ++i) {
    const int64_t index = by_label ? classes[i].label : static_cast<int64_t>(i);
    classes[i].colour = class_colour(index, labels);
  }
}

std::vector<MapClass> find_classes(const LatentMap& map) {
  std::array<MapClass, kLabels> by_label;
  std::array<int64_t, kLabels> counts = {};
  for (int64_t i = 0; i < map.points.rows() && !map.labels.empty(); ++i) {
    const size_t label = map.labels[static_cast<size_t>(i)];
    by_label[label].x += map.points.row(i)[0];
    by_label[label].y += map.points.row(i)[1];
    ++counts[label];
  }
  std::vector<MapClass> classes;
  for (size_t label = 0; label < kLabels; ++label) {
    if (counts[label] == 0) continue;
    MapClass& found = classes.emplace_back(by_label[label]);
    found.label = static_cast<int64_t>(label);
    found.name = class_name(map, found.label);
    found.x /= static_cast<double>(counts[label]);
    found.y /= static_cast<double>(counts[label]);
  }
  if (!classes.empty()) colour_classes(map, classes);
  return classes;
}

/// Never a single point, and with a margin for the dots on the edge.
void widen(double& low, double& high, double width) {
  constexpr double kMargin = 1.06;
  const double middle = (low + high) / 2, half = (width > 0.0 ? width : 2.0) / 2 * kMargin;
  low = middle - half;
  high = middle + half;
}

}  // namespace

Colour MapFrame::colour_of(const LatentMap& map, int64_t index) const {
  if (map.labels.empty()) return kUnlabelled;
  const int64_t label = map.labels[static_cast<size_t>(index)];
  const auto found =
      std::lower_bound(classes.begin(), classes.end(), label,
                       [](const MapClass& each, int64_t wanted) { return each.label < wanted; });
  return found->colour;
}

MapFrame make_map_frame(const LatentMap& map) {
  MapFrame frame;
  for (int64_t i = 0; i < map.points.rows(); ++i) {
    const double x = map.points.row(i)[0], y = map.points.row(i)[1];
    frame.x_low = i == 0 ? x : std::min(frame.x_low, x);
    frame.x_high = i == 0 ? x : std::max(frame.x_high, x);
    frame.y_low = i == 0 ? y : std::min(frame.y_low, y);
    frame.y_high = i == 0 ? y : std::max(frame.y_high, y);
  }
  const double width = frame.x_high - frame.x_low, height = frame.y_high - frame.y_low;
  const bool plane = !map.y_axis.empty();  // then a unit is one length on both axes
  widen(frame.x_low, frame.x_high, plane ? std::max(width, height) : width);
  widen(frame.y_low, frame.y_high, plane ? std::max(width, height) : height);
  frame.x_ticks = axis_ticks(frame.x_low, frame.x_high, kTicks);
  if (plane) frame.y_ticks = axis_ticks(frame.y_low, frame.y_high, kTicks);
  frame.classes = find_classes(map);
  constexpr size_t kMostInPlace = 32, kLongestInPlace = 12;
  frame.named_in_place =
      frame.classes.size() <= kMostInPlace &&
      std::all_of(frame.classes.begin(), frame.classes.end(),
                  [](const MapClass& each) { return each.name.size() <= kLongestInPlace; });
  return frame;
}

}  // namespace vae
