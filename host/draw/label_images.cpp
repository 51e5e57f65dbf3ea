// SPDX-License-Identifier: MIT
//
// Text beside and below pictures.
#include <algorithm>

#include "host/draw/canvas.h"
#include "host/draw/font.h"
#include "kernels/check.h"
#include "vae/image.h"
#include "vae/printable.h"

namespace vae {
namespace {

constexpr Colour kLabelPaper = {255, 255, 255}, kLabelInk = {32, 36, 42};
constexpr int64_t kLabelGap = 8;

}  // namespace

Image label_rows(const Image& picture, const std::vector<std::string>& labels) {
  VAE_CHECK(!labels.empty(), "label_rows: there are no labels");
  const auto rows = static_cast<int64_t>(labels.size());
  if (picture.height / rows < kTextHeight) return picture;
  int64_t widest = 0;
  for (const std::string& label : labels) {
    widest = std::max(widest, text_width(printable_line(label)));
  }
  const int64_t left = widest + 2 * kLabelGap;
  Canvas canvas(picture.height, left + picture.width, picture.channels, kLabelPaper);
  canvas.paste(picture, left, 0);
  for (int64_t row = 0; row < rows; ++row) {
    const std::string text = printable_line(labels[static_cast<size_t>(row)]);
    const int64_t middle = (2 * row + 1) * picture.height / (2 * rows);
    canvas.text(left - kLabelGap - text_width(text), middle + kTextAscent / 2 - 1, text, kLabelInk);
  }
  return canvas.image();
}

Image add_caption(const Image& picture, const std::string& text) {
  const std::string line = fitting_text(printable_line(text), picture.width);
  Canvas canvas(picture.height + kTextHeight, picture.width, picture.channels, kLabelPaper);
  canvas.paste(picture, 0, 0);
  canvas.text((picture.width - text_width(line)) / 2, picture.height + kTextAscent, line,
              kLabelInk);
  return canvas.image();
}

int64_t caption_width(const std::string& text) { return text_width(printable_line(text)); }

}  // namespace vae
