// SPDX-License-Identifier: MIT
#include "host/draw/palette.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace vae {
namespace {

constexpr std::array<Colour, 10> kTableau = {{{31, 119, 180},
                                              {255, 127, 14},
                                              {44, 160, 44},
                                              {214, 39, 40},
                                              {148, 103, 189},
                                              {140, 86, 75},
                                              {227, 119, 194},
                                              {127, 127, 127},
                                              {188, 189, 34},
                                              {23, 190, 207}}};

uint8_t srgb(double linear) {
  const double clipped = std::clamp(linear, 0.0, 1.0);
  const double value =
      clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * std::pow(clipped, 1 / 2.4) - 0.055;
  return static_cast<uint8_t>(std::lround(255.0 * value));
}

/// From lightness, chroma and hue (in turns). [Ottosson 2020, "A perceptual color space"]
Colour oklch(double lightness, double chroma, double turns) {
  const double a = chroma * std::cos(2 * std::numbers::pi * turns);
  const double b = chroma * std::sin(2 * std::numbers::pi * turns);
  const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
  return {srgb(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          srgb(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          srgb(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

}  // namespace

Colour class_colour(int64_t index, int64_t count) {
  if (count <= static_cast<int64_t>(kTableau.size())) return kTableau[static_cast<size_t>(index)];
  constexpr std::array kLightness = {0.52, 0.74, 0.63};
  return oklch(kLightness[static_cast<size_t>(index) % kLightness.size()], 0.15,
               static_cast<double>(index) / static_cast<double>(count));
}

std::string css_text(Colour colour) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text = "#";
  for (const uint8_t part : {colour.red, colour.green, colour.blue}) {
    text += kDigits[part >> 4];
    text += kDigits[part & 15];
  }
  return text;
}

}  // namespace vae
