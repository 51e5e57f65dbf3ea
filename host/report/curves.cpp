// SPDX-License-Identifier: MIT
#include "host/report/curves.h"

#include "host/text/html.h"

namespace vae {
namespace {

constexpr int kPlotWidth = 560, kWidePlotWidth = 1040, kPlotHeight = 280;
constexpr int kNarrowPlotWidth = 350, kNarrowPlotHeight = 240;  // the CSS pixels of a telephone

std::string plot_legend(const std::vector<PlotSeries>& series) {
  if (series.size() < 2) return {};
  std::string html;
  for (const PlotSeries& each : series) {
    html += "<span class=\"key\"><svg viewBox=\"0 0 22 8\"><line class=\"curve " + each.style +
            "\" x1=\"1\" y1=\"4\" x2=\"21\" y2=\"4\"/></svg>" + escape_html(each.name) + "</span>";
  }
  return html;
}

/// The first <svg> of a drawing with one more class.
std::string with_class(const std::string& name, const std::string& svg) {
  return "<svg class=\"" + name + "\"" + svg.substr(std::string_view("<svg").size());
}

template <typename Plot, typename Draw>
std::string figure_of(Plot plot, const std::string& legend, bool wide, Draw draw) {
  plot.width = wide ? kWidePlotWidth : kPlotWidth;
  plot.height = kPlotHeight;
  const std::string roomy = draw(plot);
  if (roomy.empty()) return {};
  plot.width = kNarrowPlotWidth;
  plot.height = kNarrowPlotHeight;
  return std::string("<figure class=\"plot") + (wide ? " wide" : "") + "\"><figcaption><b>" +
         escape_html(plot.title) + "</b>" + legend + "</figcaption>" + with_class("roomy", roomy) +
         with_class("narrow", draw(plot)) + "</figure>\n";
}

}  // namespace

std::string plot_figure(const LinePlot& plot, bool wide) {
  return figure_of(plot, plot_legend(plot.series), wide, draw_line_plot);
}

std::string plot_figure(const BarPlot& plot) { return figure_of(plot, {}, false, draw_bar_plot); }

PlotSeries epoch_series(const std::string& name, const std::string& style,
                        const std::vector<Metrics>& lines, double Metrics::*field) {
  PlotSeries curve{name, style, {}, {}};
  for (const Metrics& line : lines) {
    curve.x.push_back(static_cast<double>(line.epoch));
    curve.y.push_back(line.*field);
  }
  return curve;
}

}  // namespace vae
