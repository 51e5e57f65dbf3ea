// SPDX-License-Identifier: MIT
//
// ROC curves as a picture.
#include <algorithm>
#include <cmath>

#include "host/draw/canvas.h"
#include "host/draw/font.h"
#include "host/text/number_text.h"
#include "kernels/check.h"
#include "vae/printable.h"
#include "vae/roc.h"

namespace vae {
namespace {

constexpr Colour kRocPaper = {255, 255, 255}, kRocGrid = {232, 234, 238};
constexpr Colour kRocEdge = {176, 182, 190}, kRocInk = {32, 36, 42};
constexpr int64_t kRocMargin = 16, kRocLegendRow = 26, kRocTicks = 5;

class RocDrawing {
 public:
  RocDrawing(std::span<const NamedRoc> curves, int64_t side)
      : curves_(curves),
        side_(side),
        canvas_(top_ + side + legend_top() + row_count() * kRocLegendRow + kRocMargin,
                left_ + std::max(side, widest_name()) + 2 * kRocMargin, 3, kRocPaper) {
    draw_axes();
    line({0.0, 1.0}, {0.0, 1.0}, kRocEdge, 0.8);     // what chance does
    for (std::size_t i = curves.size(); i-- > 0;) {  // the first one lies on top
      line(curves[i].curve.false_alarms, curves[i].curve.found, colour(i), 1.3);
      draw_name(i);
    }
  }
  const Image& image() const { return canvas_.image(); }

 private:
  int64_t row_count() const { return static_cast<int64_t>(curves_.size()); }
  static int64_t legend_top() { return 2 * kTextHeight + 24; }
  Colour colour(std::size_t i) const { return class_colour(static_cast<int64_t>(i), row_count()); }
  double x_at(double share) const {
    return static_cast<double>(left_) + share * static_cast<double>(side_);
  }
  double y_at(double share) const {
    return static_cast<double>(top_) + (1.0 - share) * static_cast<double>(side_);
  }

  std::string name_of(std::size_t i) const {
    return printable_line(curves_[i].name) + "  " + fixed_text(curves_[i].curve.area, 4);
  }
  int64_t widest_name() const {
    int64_t widest = 0;
    for (std::size_t i = 0; i < curves_.size(); ++i)
      widest = std::max(widest, text_width(name_of(i)));
    return widest + kRocLegendRow;
  }

  void draw_axes() {
    const int64_t bottom = top_ + side_;
    for (int64_t tick = 0; tick <= kRocTicks; ++tick) {
      const double share = static_cast<double>(tick) / kRocTicks;
      const std::string text = fixed_text(share, 1);
      const auto x = static_cast<int64_t>(x_at(share)), y = static_cast<int64_t>(y_at(share));
      canvas_.rectangle(x, top_, 1, side_, kRocGrid);
      canvas_.rectangle(left_, y, side_, 1, kRocGrid);
      canvas_.text(x - text_width(text) / 2, bottom + kTextHeight + 4, text, kRocInk);
      canvas_.text(left_ - text_width(text) - 8, y + kTextAscent / 2, text, kRocInk);
    }
    for (const int64_t x : {left_, left_ + side_})
      canvas_.rectangle(x, top_, 1, side_ + 1, kRocEdge);
    for (const int64_t y : {top_, bottom}) canvas_.rectangle(left_, y, side_, 1, kRocEdge);
    const std::string across = "usual images called odd", upwards = "odd images found";
    canvas_.text(left_ + (side_ - text_width(across)) / 2, bottom + 2 * kTextHeight + 12, across,
                 kRocInk);
    canvas_.text_upwards(kRocMargin + kTextAscent, top_ + (side_ + text_width(upwards)) / 2,
                         upwards, kRocInk);
  }

  /// A chain of dots, so close that it is a line.
  void line(const std::vector<double>& x, const std::vector<double>& y, Colour colour,
            double radius) {
    double last_x = x_at(x.front()), last_y = y_at(y.front());
    for (std::size_t i = 1; i < x.size(); ++i) {
      const double dx = x_at(x[i]) - last_x, dy = y_at(y[i]) - last_y;
      const auto dots = static_cast<int>(std::hypot(dx, dy));
      if (dots == 0 && i + 1 < x.size()) continue;  // less than a pixel: wait for more
      for (int dot = 0; dot <= dots; ++dot) {
        const double share = static_cast<double>(dot) / std::max(1, dots);
        canvas_.disk(last_x + share * dx, last_y + share * dy, radius, colour, 1.0);
      }
      last_x += dx;
      last_y += dy;
    }
  }

  void draw_name(std::size_t i) {
    const int64_t middle =
        top_ + side_ + legend_top() + static_cast<int64_t>(i) * kRocLegendRow + kRocLegendRow / 2;
    canvas_.disk(static_cast<double>(left_) + 7.0, static_cast<double>(middle), 6.0, colour(i),
                 1.0);
    canvas_.text(left_ + kRocLegendRow, middle + kTextAscent / 2 - 1, name_of(i), kRocInk);
  }

  std::span<const NamedRoc> curves_;
  int64_t side_;
  int64_t left_ = kRocMargin + kTextHeight + 46, top_ = kRocMargin;
  Canvas canvas_;
};

}  // namespace

Image draw_roc_curves(std::span<const NamedRoc> curves, int64_t side) {
  constexpr int64_t kSmallest = 100, kLargest = 8192;
  VAE_CHECK(side >= kSmallest && side <= kLargest, "ROC curves: a square of ", side,
            " pixels a side; choose ", kSmallest, " to ", kLargest);
  for (const NamedRoc& each : curves) {
    const RocCurve& curve = each.curve;
    VAE_CHECK(!curve.found.empty() && curve.found.size() == curve.false_alarms.size(),
              "ROC curves: '", printable_line(each.name), "' has ", curve.false_alarms.size(),
              " and ", curve.found.size(), " numbers; both are shares at the same places");
  }
  return RocDrawing(curves, side).image();
}

}  // namespace vae
