// SPDX-License-Identifier: MIT
//
// The map of a latent space as a picture.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "host/draw/canvas.h"
#include "host/draw/font.h"
#include "host/map/frame.h"
#include "host/text/number_text.h"
#include "kernels/check.h"
#include "vae/printable.h"

namespace vae {
namespace {

constexpr Colour kPaper = {255, 255, 255}, kGrid = {232, 234, 238}, kEdge = {176, 182, 190};
constexpr Colour kQuiet = {98, 107, 118}, kInk = {32, 36, 42};
constexpr int64_t kMargin = 16, kTickLength = 6;
constexpr int64_t kLegendRow = 26, kLegendDot = 7, kLegendGap = 28, kLongestName = 180;

/// Where everything stands in the picture.
struct MapLayout {
  int64_t left = 0, top = kMargin, side = 0;  // the square of the dots
  int64_t legend_left = 0, legend_rows = 1, legend_column = 0;
  int64_t width = 0, height = 0;
};

int64_t widest_text(const std::vector<double>& ticks) {
  int64_t widest = 0;
  for (const double tick : ticks) widest = std::max(widest, text_width(short_text(tick)));
  return widest;
}

MapLayout lay_out_map(const MapFrame& frame, int64_t side, bool has_note) {
  MapLayout layout;
  layout.side = side;
  layout.left = kMargin + kTextHeight + 10 + widest_text(frame.y_ticks) + kTickLength;
  layout.height = layout.top + side + kTickLength + 2 * kTextHeight + 22 + kMargin;
  if (has_note) layout.height += kTextHeight + 6;
  layout.width = layout.left + side + kMargin;
  if (frame.classes.empty()) return layout;
  int64_t name = 0;
  for (const MapClass& each : frame.classes) {
    name = std::max(name, std::min(kLongestName, text_width(printable_line(each.name))));
  }
  const auto classes = static_cast<int64_t>(frame.classes.size());
  layout.legend_rows = std::max<int64_t>(1, side / kLegendRow);
  layout.legend_left = layout.left + side + kLegendGap;
  layout.legend_column = 2 * kLegendDot + 10 + name + kLegendGap;
  const int64_t columns = (classes - 1) / layout.legend_rows + 1;
  layout.width = layout.legend_left + columns * layout.legend_column;
  return layout;
}

class MapDrawing {
 public:
  MapDrawing(const LatentMap& map, int64_t side)
      : map_(map),
        frame_(make_map_frame(map)),
        layout_(lay_out_map(frame_, side, !map.note.empty())),
        canvas_(layout_.height, layout_.width, 3, kPaper) {
    draw_axes();
    draw_dots();
    draw_names();
    draw_legend();
  }
  const Image& image() const { return canvas_.image(); }

 private:
  double x_at(double value) const {
    return static_cast<double>(layout_.left) + (value - frame_.x_low) /
                                                   (frame_.x_high - frame_.x_low) *
                                                   static_cast<double>(layout_.side);
  }
  double y_at(double value) const {
    return static_cast<double>(layout_.top) + (frame_.y_high - value) /
                                                  (frame_.y_high - frame_.y_low) *
                                                  static_cast<double>(layout_.side);
  }

  void draw_axes() {
    const auto [left, top, side] = std::tuple(layout_.left, layout_.top, layout_.side);
    const int64_t bottom = top + side;
    const int64_t tick_baseline = bottom + kTickLength + kTextHeight;
    for (const double tick : frame_.x_ticks) {
      const auto x = static_cast<int64_t>(x_at(tick));
      const std::string text = short_text(tick);
      canvas_.rectangle(x, top, 1, side, kGrid);
      canvas_.rectangle(x, bottom, 1, kTickLength, kEdge);
      canvas_.text(x - text_width(text) / 2, tick_baseline, text, kQuiet);
    }
    for (const double tick : frame_.y_ticks) {
      const auto y = static_cast<int64_t>(y_at(tick));
      const std::string text = short_text(tick);
      canvas_.rectangle(left, y, side, 1, kGrid);
      canvas_.rectangle(left - kTickLength, y, kTickLength, 1, kEdge);
      canvas_.text(left - kTickLength - 5 - text_width(text), y + kTextAscent / 2 - 1, text,
                   kQuiet);
    }
    for (const int64_t x : {left, left + side}) canvas_.rectangle(x, top, 1, side + 1, kEdge);
    for (const int64_t y : {top, bottom}) canvas_.rectangle(left, y, side, 1, kEdge);
    const int64_t middle = left + side / 2, title = tick_baseline + kTextHeight + 10;
    canvas_.text(middle - text_width(map_.x_axis) / 2, title, map_.x_axis, kInk);
    canvas_.text_upwards(kMargin + kTextAscent, top + side / 2 + text_width(map_.y_axis) / 2,
                         map_.y_axis, kInk);
    canvas_.text(left, title + kTextHeight + 6, map_.note, kQuiet);
  }

  void draw_dots() {
    constexpr double kOpacity = 0.8;
    const auto side = static_cast<double>(layout_.side);
    const double share = 0.26 / std::sqrt(static_cast<double>(map_.points.rows()));
    const double radius = std::clamp(side * share, 1.4, std::max(1.4, side * 0.007));
    for (int64_t i = 0; i < map_.points.rows(); ++i) {
      const float* point = map_.points.row(i);
      canvas_.disk(x_at(point[0]), y_at(point[1]), radius, frame_.colour_of(map_, i), kOpacity);
    }
  }

  void draw_names() {
    if (!frame_.named_in_place) return;
    for (const MapClass& each : frame_.classes) {
      const std::string name = printable_line(each.name);
      canvas_.rimmed_text(static_cast<int64_t>(x_at(each.x)) - text_width(name) / 2,
                          static_cast<int64_t>(y_at(each.y)) + kTextAscent / 2, name, kInk, kPaper);
    }
  }

  void draw_legend() {
    int64_t entry = 0;
    for (const MapClass& each : frame_.classes) {
      const int64_t left =
          layout_.legend_left + entry / layout_.legend_rows * layout_.legend_column;
      const int64_t middle =
          layout_.top + kLegendRow / 2 + entry % layout_.legend_rows * kLegendRow;
      ++entry;
      canvas_.disk(static_cast<double>(left + kLegendDot), static_cast<double>(middle), kLegendDot,
                   each.colour, 1.0);
      canvas_.text(left + 2 * kLegendDot + 10, middle + kTextAscent / 2 - 1,
                   fitting_text(printable_line(each.name), kLongestName), kInk);
    }
  }

  const LatentMap& map_;
  MapFrame frame_;
  MapLayout layout_;
  Canvas canvas_;
};

}  // namespace

Image draw_latent_map(const LatentMap& map, int64_t side) {
  constexpr int64_t kSmallest = 100, kLargest = 8192;
  VAE_CHECK(side >= kSmallest && side <= kLargest, "latent map: a square of ", side,
            " pixels a side; choose ", kSmallest, " to ", kLargest);
  return MapDrawing(map, side).image();
}

}  // namespace vae
