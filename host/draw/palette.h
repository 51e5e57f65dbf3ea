// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace vae {

struct Colour {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;

  bool operator==(const Colour&) const = default;
};

/// The colour of one of `count` classes, readable on white and on black: the ten of Tableau, or,
/// where there are more classes, hues all around the circle in three shades.
Colour class_colour(int64_t index, int64_t count);

/// "#1f77b4"
std::string css_text(Colour colour);

}  // namespace vae
