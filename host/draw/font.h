// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace vae {

/// One size of one typeface for what is written into pictures: ASCII and Latin-1. Every other
/// character, and every byte that is no UTF-8, is drawn as a box.
inline constexpr int64_t kTextAscent = 15;  ///< Pixels of the tallest letter above the baseline.
inline constexpr int64_t kTextDescent = 4;  ///< Pixels below it.
inline constexpr int64_t kTextHeight = kTextAscent + kTextDescent;

/// Pixels from the start of a text to its end.
int64_t text_width(std::string_view utf8);

/// The text, or as much of its start as fits with three dots behind it.
std::string fitting_text(std::string_view utf8, int64_t width);

/// Calls draw(x, y, coverage) for each pixel that a text covers, from the start of its baseline:
/// x to the right, y downwards, coverage in (0, 1].
void for_text_pixels(std::string_view utf8,
                     const std::function<void(int64_t x, int64_t y, double coverage)>& draw);

}  // namespace vae
