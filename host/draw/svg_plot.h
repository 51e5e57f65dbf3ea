// SPDX-License-Identifier: MIT
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace vae {

/// One curve. Points that are not finite are left out.
struct PlotSeries {
  std::string name;
  std::string style;  ///< CSS class of the page that colours it: "train", "test" ...
  std::vector<double> x;
  std::vector<double> y;
};

struct LinePlot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<PlotSeries> series;
  /// The y axis fits the points from this x on; earlier ones may lie outside of the frame.
  double fit_from = -std::numeric_limits<double>::infinity();
  int decimals = 2;  ///< Of the values in tooltips.
  int width = 560;   ///< Units of the drawing; the page scales it.
  int height = 300;
};

struct BarPlot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<double> values;
  int width = 560;
  int height = 300;
};

/// An <svg> element with axes, ticks, grid and tooltips (<title> elements). Title and legend are
/// the page's, where they wrap; colours are its CSS classes. Empty where there is no finite point.
std::string draw_line_plot(const LinePlot& plot);
std::string draw_bar_plot(const BarPlot& plot);

/// Round numbers within [low, high], about `wanted` of them; at least one for low < high.
std::vector<double> axis_ticks(double low, double high, int wanted);

}  // namespace vae
