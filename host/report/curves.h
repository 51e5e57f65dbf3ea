// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "host/draw/svg_plot.h"
#include "vae/trainer.h"

namespace vae {

/// A plot of a page with its title and, of several curves, a legend: drawn twice, for a desk and
/// for a telephone, of which the page shows the one that fits. `wide` takes the whole row. Empty
/// where there is no finite point.
std::string plot_figure(const LinePlot& plot, bool wide);
std::string plot_figure(const BarPlot& plot);

/// One number of each epoch as a curve. `style` is a CSS class, see PlotSeries.
PlotSeries epoch_series(const std::string& name, const std::string& style,
                        const std::vector<Metrics>& lines, double Metrics::*field);

}  // namespace vae
