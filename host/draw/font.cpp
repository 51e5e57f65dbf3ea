// SPDX-License-Identifier: MIT
#include "host/draw/font.h"

#include <algorithm>

#include "host/draw/glyphs.h"
#include "kernels/utf8.h"

namespace vae {
namespace {

/// The glyph of the first character, and how many bytes it takes.
struct Letter {
  const Glyph* glyph = nullptr;  // null: a box
  size_t bytes = 1;
};

Letter first_letter(std::string_view utf8) {
  const CodePoint point = decode_utf8(utf8);
  return {find_glyph(point.value), std::max<size_t>(1, point.length)};
}

constexpr int64_t kBoxWidth = 8, kBoxHeight = 12, kBoxAdvance = 10;

int64_t advance(const Letter& letter) { return letter.glyph ? letter.glyph->advance : kBoxAdvance; }

template <typename Draw>
void draw_letter(const Letter& letter, int64_t x, const Draw& draw) {
  if (!letter.glyph) {
    for (int64_t row = 0; row < kBoxHeight; ++row) {
      for (int64_t column = 0; column < kBoxWidth; ++column) {
        const bool edge =
            row == 0 || row == kBoxHeight - 1 || column == 0 || column == kBoxWidth - 1;
        if (edge) draw(x + 1 + column, row - kBoxHeight, 1.0);
      }
    }
    return;
  }
  const Glyph& glyph = *letter.glyph;
  for (int64_t i = 0; i < glyph.width * glyph.height; ++i) {
    const int coverage = glyph_coverage(glyph, i);
    if (coverage > 0) {
      draw(x + glyph.left + i % glyph.width, glyph.top + i / glyph.width,
           static_cast<double>(coverage) / kFullCoverage);
    }
  }
}

}  // namespace

int64_t text_width(std::string_view utf8) {
  int64_t width = 0;
  while (!utf8.empty()) {
    const Letter letter = first_letter(utf8);
    width += advance(letter);
    utf8.remove_prefix(letter.bytes);
  }
  return width;
}

std::string fitting_text(std::string_view utf8, int64_t width) {
  if (text_width(utf8) <= width) return std::string(utf8);
  constexpr std::string_view kDots = "...";
  int64_t left = width - text_width(kDots);
  std::string text;
  while (!utf8.empty()) {
    const Letter letter = first_letter(utf8);
    left -= advance(letter);
    if (left < 0) break;
    text.append(utf8.substr(0, letter.bytes));
    utf8.remove_prefix(letter.bytes);
  }
  return text.append(kDots);
}

void for_text_pixels(std::string_view utf8,
                     const std::function<void(int64_t, int64_t, double)>& draw) {
  int64_t x = 0;
  while (!utf8.empty()) {
    const Letter letter = first_letter(utf8);
    draw_letter(letter, x, draw);
    x += advance(letter);
    utf8.remove_prefix(letter.bytes);
  }
}

}  // namespace vae
