// SPDX-License-Identifier: MIT
#include "host/draw/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#include "host/text/html.h"
#include "host/text/number_text.h"

namespace vae {
namespace {

constexpr double kRight = 14, kTop = 8, kBottom = 44;
constexpr double kDigitWidth = 7.0;  // of the tick labels' font, generously
constexpr int kYTicks = 5, kMostXTicks = 10;
constexpr int kXTickDistance = 56;
constexpr size_t kMostMarkers = 60;    // beyond, dots run into one another
constexpr size_t kMostTooltips = 500;  // bounds the page's size

/// Smallest and largest of some values.
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
  bool contains(double value) const { return value >= low && value <= high; }
  /// Wider by a share of its width on both sides, and never a single point.
  Range padded(double share) const {
    const double width = high - low;
    const double pad = width > 0.0 ? width * share : std::max(std::abs(low) * 0.05, 1e-6);
    return {low - pad, high + pad};
  }
};

/// Maps values to positions in the drawing.
struct Axis {
  Range range;
  double start, end;
  std::vector<double> ticks;

  Axis(const Range& range, int wanted_ticks, double start, double end)
      : range(range),
        start(start),
        end(end),
        ticks(axis_ticks(range.low, range.high, wanted_ticks)) {}
  double at(double value) const {
    return start + (value - range.low) / (range.high - range.low) * (end - start);
  }
};

/// Where the y axis stands: right of its labels and its title.
double left_edge(const Range& y, int wanted_ticks) {
  size_t longest = 0;
  for (const double tick : axis_ticks(y.low, y.high, wanted_ticks)) {
    longest = std::max(longest, short_text(tick).size());
  }
  return 32.0 + kDigitWidth * static_cast<double>(longest);
}

std::string number(double value) { return fixed_text(value, 1); }

std::string line(const std::string& style, double x1, double y1, double x2, double y2) {
  return "<line class=\"" + style + "\" x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" +
         number(x2) + "\" y2=\"" + number(y2) + "\"/>";
}

std::string text(const std::string& style, double x, double y, const std::string& content,
                 const std::string& anchor = "middle") {
  return "<text class=\"" + style + "\" x=\"" + number(x) + "\" y=\"" + number(y) +
         "\" text-anchor=\"" + anchor + "\">" + escape_html(content) + "</text>";
}

std::string begin(const std::string& title, int width, int height) {
  return "<svg viewBox=\"0 0 " + std::to_string(width) + " " + std::to_string(height) +
         "\" role=\"img\" aria-label=\"" + escape_html(title) + "\">";
}

/// Grid, tick labels and axis titles.
std::string frame(const Axis& x, const Axis& y, const std::string& x_label,
                  const std::string& y_label, bool x_ticks) {
  std::string svg;
  for (const double tick : y.ticks) {
    svg += line("grid", x.start, y.at(tick), x.end, y.at(tick));
    svg += text("tick", x.start - 8, y.at(tick) + 4, short_text(tick), "end");
  }
  for (const double tick : x.ticks) {
    if (!x_ticks || tick != std::round(tick)) continue;
    svg += line("axis", x.at(tick), y.start, x.at(tick), y.start + 4);
    svg += text("tick", x.at(tick), y.start + 17, short_text(tick));
  }
  svg += line("axis", x.start, y.start, x.end, y.start);
  svg += text("label", (x.start + x.end) / 2, y.start + 36, x_label);
  const double middle = (y.start + y.end) / 2;
  svg += "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(13 " + number(middle) +
         ") rotate(-90)\">" + escape_html(y_label) + "</text>";
  return svg;
}

PlotSeries finite_points(const PlotSeries& series) {
  PlotSeries kept{series.name, series.style, {}, {}};
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) continue;
    kept.x.push_back(series.x[i]);
    kept.y.push_back(series.y[i]);
  }
  return kept;
}

/// What can be seen of a long series: of each of `groups` stretches of it the first, lowest,
/// highest and last point.
PlotSeries thinned(const PlotSeries& series, size_t groups) {
  const size_t count = series.x.size();
  if (count <= 4 * groups) return series;
  PlotSeries kept{series.name, series.style, {}, {}};
  for (size_t group = 0; group < groups; ++group) {
    const size_t first = count * group / groups, end = count * (group + 1) / groups;
    const auto [low, high] =
        std::minmax_element(series.y.begin() + static_cast<std::ptrdiff_t>(first),
                            series.y.begin() + static_cast<std::ptrdiff_t>(end));
    std::array<size_t, 4> points = {first, static_cast<size_t>(low - series.y.begin()),
                                    static_cast<size_t>(high - series.y.begin()), end - 1};
    std::sort(points.begin(), points.end());
    for (const size_t point : points) {
      kept.x.push_back(series.x[point]);
      kept.y.push_back(series.y[point]);
    }
  }
  return kept;
}

std::string curve(const PlotSeries& series, const Axis& x, const Axis& y) {
  std::string svg = "<polyline class=\"curve " + series.style + "\" points=\"";
  for (size_t i = 0; i < series.x.size(); ++i) {
    svg += number(x.at(series.x[i])) + "," + number(y.at(series.y[i])) + " ";
  }
  return svg + "\"/>";
}

/// Dots with tooltips; a wide invisible one makes each easy to hit.
std::string markers(const PlotSeries& series, const Axis& x, const Axis& y, const LinePlot& plot) {
  std::string svg;
  if (series.x.size() > kMostTooltips) return svg;
  const bool visible = series.x.size() <= kMostMarkers;
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!y.range.contains(series.y[i])) continue;
    const std::string place =
        "cx=\"" + number(x.at(series.x[i])) + "\" cy=\"" + number(y.at(series.y[i])) + "\"";
    svg += "<g>";
    if (visible) svg += "<circle class=\"dot " + series.style + "\" " + place + " r=\"2.6\"/>";
    svg += "<circle class=\"target\" " + place + " r=\"8\"><title>" +
           escape_html(series.name + ", " + plot.x_label + " " + short_text(series.x[i]) + ": " +
                       fixed_text(series.y[i], plot.decimals)) +
           "</title></circle></g>";
  }
  return svg;
}

}  // namespace

std::vector<double> axis_ticks(double low, double high, int wanted) {
  const double raw = (high - low) / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double leading = raw / power;  // in [1, 10): take the nearest of 1, 2, 5, 10
  const double step = power * (leading < 1.5 ? 1 : leading < 3.5 ? 2 : leading < 7.5 ? 5 : 10);
  std::vector<double> ticks;
  const double last = std::floor(high / step + 1e-9);
  for (double i = std::ceil(low / step - 1e-9); i <= last; ++i) ticks.push_back(i * step);
  return ticks;
}

std::string draw_line_plot(const LinePlot& plot) {
  std::vector<PlotSeries> series;
  Range x_range, y_range;
  for (const PlotSeries& each : plot.series) {
    series.push_back(finite_points(each));
    for (size_t i = 0; i < series.back().x.size(); ++i) {
      x_range.include(series.back().x[i]);
      if (series.back().x[i] >= plot.fit_from) y_range.include(series.back().y[i]);
    }
  }
  if (x_range.empty() || y_range.empty()) return {};
  if (x_range.low == x_range.high) x_range = {x_range.low - 0.5, x_range.high + 0.5};
  y_range = y_range.padded(0.06);
  const int x_ticks = std::min(kMostXTicks, plot.width / kXTickDistance);
  const Axis x(x_range, x_ticks, left_edge(y_range, kYTicks), plot.width - kRight);
  const Axis y(y_range, kYTicks, plot.height - kBottom, kTop);

  std::string svg = begin(plot.title, plot.width, plot.height);
  svg += frame(x, y, plot.x_label, plot.y_label, /*x_ticks=*/true);
  // An inner drawing cuts off what leaves the frame.
  const std::string box = number(x.start - 3) + "\" y=\"" + number(y.end) + "\" width=\"" +
                          number(x.end - x.start + 6) + "\" height=\"" + number(y.start - y.end);
  svg += "<svg x=\"" + box + "\" viewBox=\"" + number(x.start - 3) + " " + number(y.end) + " " +
         number(x.end - x.start + 6) + " " + number(y.start - y.end) + "\">";
  for (const PlotSeries& each : series) {
    svg += curve(thinned(each, static_cast<size_t>(plot.width)), x, y);
  }
  svg += "</svg>";
  for (const PlotSeries& each : series) svg += markers(each, x, y, plot);
  return svg + "</svg>";
}

std::string draw_bar_plot(const BarPlot& plot) {
  Range range{0.0, 0.0};
  for (const double value : plot.values) {
    if (std::isfinite(value)) range.include(value);
  }
  if (range.high <= 0.0) return {};
  range = {0.0, range.high * 1.05};
  const Axis x({0.0, 1.0}, 1, left_edge(range, kYTicks), plot.width - kRight);
  const Axis y(range, kYTicks, plot.height - kBottom, kTop);
  std::string svg = begin(plot.title, plot.width, plot.height);
  svg += frame(x, y, plot.x_label, plot.y_label, /*x_ticks=*/false);
  const double slot = (x.end - x.start) / static_cast<double>(plot.values.size());
  const double gap = std::min(3.0, slot * 0.2);
  for (size_t i = 0; i < plot.values.size(); ++i) {
    if (!std::isfinite(plot.values[i])) continue;
    const double top = y.at(std::max(plot.values[i], 0.0));
    svg += "<rect class=\"bar\" x=\"" + number(x.start + slot * static_cast<double>(i) + gap / 2) +
           "\" y=\"" + number(top) + "\" width=\"" + number(slot - gap) + "\" height=\"" +
           number(std::max(0.5, y.start - top)) + "\"><title>" +
           escape_html(plot.x_label + " " + std::to_string(i + 1) + ": " +
                       fixed_text(plot.values[i], 3)) +
           "</title></rect>";
  }
  return svg + "</svg>";
}

}  // namespace vae
