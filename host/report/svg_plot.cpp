// SPDX-License-Identifier: MIT
#include "host/report/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/report/html.h"
#include "host/report/number_text.h"

namespace vae {
namespace {

constexpr double kLeft = 58, kRight = 14, kTop = 34, kBottom = 44;
constexpr size_t kMostMarkers = 60;    // beyond, dots run into one another
constexpr size_t kMostTooltips = 500;  // bounds the page's size

/// Maps values of an axis to positions in the drawing.
struct Axis {
  std::vector<double> ticks;
  double low, high, start, end;

  Axis(double from, double to, int wanted_ticks, double start, double end)
      : ticks(axis_ticks(from, to, wanted_ticks)),
        low(ticks.front()),
        high(ticks.back()),
        start(start),
        end(end) {}
  double at(double value) const { return start + (value - low) / (high - low) * (end - start); }
};

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
         "\" role=\"img\" aria-label=\"" + escape_html(title) + "\">" +
         text("plot-title", kLeft, 18, title, "start");
}

/// Grid, tick labels and axis titles. Ticks of x beyond `x_limit` are not labelled.
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

/// Right of the title, from the right edge inwards.
std::string legend(const std::vector<PlotSeries>& series, int width) {
  std::string svg;
  double x = width - kRight;
  for (auto entry = series.rbegin(); entry != series.rend(); ++entry) {
    svg += text("legend", x, 18, entry->name, "end");
    x -= 7.0 * static_cast<double>(entry->name.size()) + 22;
    svg += "<line class=\"curve " + entry->style + "\" x1=\"" + number(x) + "\" y1=\"14\" x2=\"" +
           number(x + 16) + "\" y2=\"14\"/>";
    x -= 16;
  }
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

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(const std::vector<double>& values) {
    for (const double value : values) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  bool empty() const { return low > high; }
};

}  // namespace

std::vector<double> axis_ticks(double low, double high, int wanted) {
  if (!(high > low)) {
    const double margin = std::max(std::abs(low) * 0.1, 1e-6);
    low -= margin;
    high += margin;
  }
  const double raw = (high - low) / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10.0 * power;
  for (const double nice : {1.0, 2.0, 5.0}) {
    if (nice * power >= raw * (1.0 - 1e-9)) {
      step = nice * power;
      break;
    }
  }
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9);
  const double last = std::ceil(high / step - 1e-9);
  for (double i = first; i <= last; ++i) ticks.push_back(i * step);
  return ticks;
}

std::string draw_line_plot(const LinePlot& plot) {
  std::vector<PlotSeries> series;
  Range x_range, y_range;
  for (const PlotSeries& each : plot.series) {
    series.push_back(finite_points(each));
    x_range.include(series.back().x);
    y_range.include(series.back().y);
  }
  if (x_range.empty()) return {};
  // The x axis ends at the last point, not at the next round number.
  Axis x(x_range.low, x_range.high, 8, kLeft, plot.width - kRight);
  const Axis y(y_range.low, y_range.high, 5, plot.height - kBottom, kTop);
  x.low = x_range.low;
  x.high = x_range.high;
  if (x.low == x.high) {
    x.low -= 0.5;
    x.high += 0.5;
  }
  std::erase_if(x.ticks, [&](double tick) { return tick < x.low || tick > x.high; });

  std::string svg = begin(plot.title, plot.width, plot.height);
  svg += frame(x, y, plot.x_label, plot.y_label, /*x_ticks=*/true);
  if (series.size() > 1) svg += legend(series, plot.width);
  for (const PlotSeries& each : series) svg += curve(each, x, y);
  for (const PlotSeries& each : series) svg += markers(each, x, y, plot);
  return svg + "</svg>";
}

std::string draw_bar_plot(const BarPlot& plot) {
  Range range;
  range.include({0.0});
  for (const double value : plot.values) {
    if (std::isfinite(value)) range.include({value});
  }
  if (plot.values.empty() || range.high <= 0.0) return {};
  const Axis x(0.0, 1.0, 1, kLeft, plot.width - kRight);
  const Axis y(0.0, range.high, 5, plot.height - kBottom, kTop);
  std::string svg = begin(plot.title, plot.width, plot.height);
  svg += frame(x, y, plot.x_label, plot.y_label, /*x_ticks=*/false);
  const double slot = (x.end - x.start) / static_cast<double>(plot.values.size());
  const double gap = std::min(3.0, slot * 0.2);
  for (size_t i = 0; i < plot.values.size(); ++i) {
    const double value = plot.values[i];
    if (!std::isfinite(value)) continue;
    const double top = y.at(std::max(value, 0.0));
    svg += "<rect class=\"bar\" x=\"" + number(x.start + slot * static_cast<double>(i) + gap / 2) +
           "\" y=\"" + number(top) + "\" width=\"" + number(slot - gap) + "\" height=\"" +
           number(std::max(0.5, y.start - top)) + "\"><title>" +
           escape_html(plot.x_label + " " + std::to_string(i) + ": " + fixed_text(value, 3)) +
           "</title></rect>";
  }
  return svg + "</svg>";
}

}  // namespace vae
