// SPDX-License-Identifier: MIT
//
// The map of a latent space as an SVG document. Pages show it as a picture of its own, so that the
// document brings its colours along.
#include <algorithm>

#include "host/map/frame.h"
#include "host/text/html.h"
#include "host/text/number_text.h"

namespace vae {
namespace {

constexpr double kSvgWidth = 440, kSvgLeft = 56, kSvgTop = 10, kSvgSide = 372;
constexpr double kLetterWidth = 7.3;  // of the font at 13 units, generously
constexpr double kSvgLegendRow = 20;
constexpr size_t kMostSvgLetters = 24;  // of a class's name

constexpr const char* kSvgStyle =
    "text{fill:#626b76}.g{stroke:#e3e6ea}.e{fill:none;stroke:#c3c9d1}"
    ".d{fill:none;stroke-linecap:round;stroke-opacity:.8}"
    ".n{fill:#16191d;stroke:#fff;stroke-width:3.5;paint-order:stroke;stroke-linejoin:round;"
    "font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#98a2ae}.g{stroke:#2a3038}.e{stroke:#434b56}"
    ".n{fill:#e7eaee;stroke:#181c22}}";

std::string unit_text(double value) { return short_text(value, 5); }

std::string svg_text(double x, double y, const std::string& content, const std::string& anchor,
                     const std::string& more = {}) {
  return "<text x=\"" + unit_text(x) + "\" y=\"" + unit_text(y) + "\" text-anchor=\"" + anchor +
         "\"" + more + ">" + escape_html(content) + "</text>";
}

std::string svg_line(double x1, double y1, double x2, double y2) {
  return "<path class=\"g\" d=\"M" + unit_text(x1) + " " + unit_text(y1) + "L" + unit_text(x2) +
         " " + unit_text(y2) + "\"/>";
}

/// As many whole characters as a legend has room for.
std::string shortened_name(const std::string& name) {
  if (name.size() <= kMostSvgLetters) return name;
  size_t end = kMostSvgLetters - 1;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return name.substr(0, end) + "…";
}

struct SvgPlace {
  const MapFrame& frame;

  double x(double value) const {
    return kSvgLeft + (value - frame.x_low) / (frame.x_high - frame.x_low) * kSvgSide;
  }
  double y(double value) const {
    return kSvgTop + (frame.y_high - value) / (frame.y_high - frame.y_low) * kSvgSide;
  }
};

std::string svg_axes(const LatentMap& map, const MapFrame& frame) {
  const SvgPlace place{frame};
  const double bottom = kSvgTop + kSvgSide, middle = kSvgTop + kSvgSide / 2;
  std::string svg;
  for (const double tick : frame.x_ticks) {
    svg += svg_line(place.x(tick), kSvgTop, place.x(tick), bottom);
    svg += svg_text(place.x(tick), bottom + 16, short_text(tick), "middle");
  }
  for (const double tick : frame.y_ticks) {
    svg += svg_line(kSvgLeft, place.y(tick), kSvgLeft + kSvgSide, place.y(tick));
    svg += svg_text(kSvgLeft - 7, place.y(tick) + 4, short_text(tick), "end");
  }
  svg += "<rect class=\"e\" x=\"" + unit_text(kSvgLeft) + "\" y=\"" + unit_text(kSvgTop) +
         "\" width=\"" + unit_text(kSvgSide) + "\" height=\"" + unit_text(kSvgSide) + "\"/>";
  svg += svg_text(kSvgLeft + kSvgSide / 2, bottom + 36, map.x_axis, "middle");
  if (map.y_axis.empty()) return svg;
  return svg + svg_text(0, 0, map.y_axis, "middle",
                        " transform=\"translate(14 " + unit_text(middle) + ")rotate(-90)\"");
}

/// Dots are the round ends of lines without length; a colour is one path.
std::string svg_dots(const LatentMap& map, const MapFrame& frame) {
  const SvgPlace place{frame};
  std::vector<std::pair<Colour, std::string>> paths;
  for (const MapClass& each : frame.classes) paths.emplace_back(each.colour, "");
  if (paths.empty()) paths.emplace_back(frame.colour_of(map, 0), "");
  for (int64_t i = 0; i < map.points.rows(); ++i) {
    const Colour colour = frame.colour_of(map, i);
    const auto path = std::find_if(paths.begin(), paths.end(),
                                   [&](const auto& each) { return each.first == colour; });
    path->second += "M" + fixed_text(place.x(map.points.row(i)[0]), 1) + " " +
                    fixed_text(place.y(map.points.row(i)[1]), 1) + "h0";
  }
  const double size = map.points.rows() > 600 ? 3.4 : 5;
  std::string svg;
  for (const auto& [colour, data] : paths) {
    svg += "<path class=\"d\" stroke-width=\"" + unit_text(size) + "\" stroke=\"" +
           css_text(colour) + "\" d=\"" + data + "\"/>";
  }
  return svg;
}

/// Rows of classes below the axes from `y` on, which is moved to where the next row would be.
std::string svg_legend(const MapFrame& frame, double& y) {
  std::string svg;
  double x = kSvgLeft;
  for (const MapClass& each : frame.classes) {
    const std::string name = shortened_name(each.name);
    const double width = 30 + kLetterWidth * static_cast<double>(name.size());
    if (x + width > kSvgWidth && x > kSvgLeft) {
      x = kSvgLeft;
      y += kSvgLegendRow;
    }
    svg += "<circle cx=\"" + unit_text(x + 5) + "\" cy=\"" + unit_text(y - 4) +
           "\" r=\"5\" fill=\"" + css_text(each.colour) + "\"/>";
    svg += svg_text(x + 15, y, name, "start");
    x += width;
  }
  if (!frame.classes.empty()) y += kSvgLegendRow;
  return svg;
}

}  // namespace

std::string latent_map_svg(const LatentMap& map) {
  const MapFrame frame = make_map_frame(map);
  std::string body = svg_axes(map, frame) + svg_dots(map, frame);
  const SvgPlace place{frame};
  for (const MapClass& each : frame.classes) {
    if (!frame.named_in_place) break;
    body += svg_text(place.x(each.x), place.y(each.y) + 4, each.name, "middle", " class=\"n\"");
  }
  double y = kSvgTop + kSvgSide + 62;
  body += svg_legend(frame, y);
  if (!map.note.empty()) {
    body += svg_text(kSvgLeft, y, map.note, "start");
    y += kSvgLegendRow;
  }
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + unit_text(kSvgWidth) + " " +
         unit_text(y - 8) +
         "\" font-family=\"system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif\" "
         "font-size=\"13\"><style>" +
         kSvgStyle + "</style>" + body + "</svg>\n";
}

}  // namespace vae
