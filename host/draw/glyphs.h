// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace vae {

/// One character as coverage of pixels.
struct Glyph {
  uint16_t code_point;
  int8_t advance;  ///< To the start of the next one.
  int8_t left;     ///< Of the first column from the start.
  int8_t top;      ///< Of the first row from the baseline, downwards: mostly negative.
  int8_t width, height;
  uint16_t offset;  ///< Of its first pixel in the table.
};

inline constexpr int kFullCoverage = 15;

/// Null where the typeface at hand has none.
const Glyph* find_glyph(uint32_t code_point);

/// Of pixel `index`, row by row: 0 to kFullCoverage.
int glyph_coverage(const Glyph& glyph, int64_t index);

}  // namespace vae
