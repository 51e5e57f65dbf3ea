// SPDX-License-Identifier: MIT
#include "vae/overlays.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "host/draw/canvas.h"
#include "host/draw/font.h"
#include "host/draw/palette.h"
#include "kernels/check.h"
#include "vae/printable.h"

namespace vae {
namespace {

constexpr double kTint = 0.65;  // of a class over the picture
constexpr Colour kUnknownClass = {224, 224, 224};

uint8_t mixed(uint8_t below, uint8_t above, double share) {
  return static_cast<uint8_t>(std::lround((1.0 - share) * below + share * above));
}

/// `position` in [0, 1] on the way from black over red and yellow to white.
Colour heat_colour(double position) {
  const auto part = [&](double begin) {
    return static_cast<uint8_t>(std::lround(255.0 * std::clamp(3.0 * position - begin, 0.0, 1.0)));
  };
  return {part(0.0), part(1.0), part(2.0)};
}

struct LegendEntry {
  std::string text;
  int64_t left, line;
};

constexpr int64_t kLegendSquare = 11, kLegendGap = 6;

/// Names one behind the other, in a new line where they would leave the picture.
std::vector<LegendEntry> lay_out_legend(const std::vector<std::string>& names, int64_t width) {
  std::vector<LegendEntry> entries;
  int64_t left = kLegendGap, line = 0;
  for (const std::string& name : names) {
    const std::string text = fitting_text(printable_line(name), width);
    const int64_t needed = kLegendSquare + kLegendGap + text_width(text) + 2 * kLegendGap;
    if (left + needed > width && left > kLegendGap) {
      left = kLegendGap;
      ++line;
    }
    entries.push_back({text, left, line});
    left += needed;
  }
  return entries;
}

}  // namespace

Image in_colour(const Image& picture) {
  if (picture.channels == 3) return picture;
  Image result{picture.height, picture.width, 3, {}};
  result.pixels.reserve(3 * picture.pixels.size());
  for (const uint8_t grey : picture.pixels) result.pixels.insert(result.pixels.end(), 3, grey);
  return result;
}

Image overlay_classes(const Image& picture, std::span<const uint8_t> classes, int64_t count) {
  VAE_CHECK(std::ssize(classes) == picture.height * picture.width,
            "overlay_classes: ", classes.size(), " classes of a picture of ", picture.height, " x ",
            picture.width);
  Image result = in_colour(picture);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] == 0) continue;
    const Colour colour =
        classes[i] < count ? class_colour(classes[i] - 1, count - 1) : kUnknownClass;
    uint8_t* const pixel = result.pixels.data() + 3 * i;
    pixel[0] = mixed(pixel[0], colour.red, kTint);
    pixel[1] = mixed(pixel[1], colour.green, kTint);
    pixel[2] = mixed(pixel[2], colour.blue, kTint);
  }
  return result;
}

Image overlay_boxes(const Image& picture, std::span<const Box> boxes, int64_t scale,
                    int64_t count) {
  const Image large = enlarge(in_colour(picture), scale);
  Canvas canvas(large.height, large.width, 3, {0, 0, 0});
  canvas.paste(large, 0, 0);
  const int64_t line = std::max<int64_t>(1, scale / 4);
  const auto place = [&](float position) {
    return static_cast<int64_t>(std::lround(position * static_cast<float>(scale)));
  };
  for (const Box& box : boxes) {
    const int64_t left = place(box.x), top = place(box.y);
    const int64_t width = place(box.x + box.width) - left;
    const int64_t height = place(box.y + box.height) - top;
    const Colour colour = class_colour(box.class_, std::max<int64_t>(count, box.class_ + 1));
    canvas.rectangle(left, top, width, line, colour);
    canvas.rectangle(left, top + height - line, width, line, colour);
    canvas.rectangle(left, top, line, height, colour);
    canvas.rectangle(left + width - line, top, line, height, colour);
  }
  return canvas.image();
}

Image heat_map(std::span<const float> values, int64_t height, int64_t width, float most) {
  VAE_CHECK(std::ssize(values) == height * width, "heat_map: ", values.size(),
            " numbers are no picture of ", height, " x ", width);
  Image image{height, width, 3, {}};
  for (const float value : values) {
    const Colour colour = heat_colour(most > 0.0f ? double{value} / double{most} : 0.0);
    image.pixels.insert(image.pixels.end(), {colour.red, colour.green, colour.blue});
  }
  return image;
}

Image add_class_legend(const Image& picture, const std::vector<std::string>& names) {
  constexpr Colour kPaper = {255, 255, 255}, kInk = {32, 36, 42};
  constexpr int64_t kLineHeight = kTextHeight + 3;
  if (names.empty()) return picture;
  const std::vector<LegendEntry> entries = lay_out_legend(names, picture.width);
  const int64_t lines = entries.back().line + 1;
  Canvas canvas(picture.height + lines * kLineHeight, picture.width, 3, kPaper);
  canvas.paste(in_colour(picture), 0, 0);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const int64_t baseline = picture.height + entries[i].line * kLineHeight + kTextAscent + 1;
    canvas.rectangle(entries[i].left, baseline - kLegendSquare, kLegendSquare, kLegendSquare,
                     class_colour(static_cast<int64_t>(i), std::ssize(names)));
    canvas.text(entries[i].left + kLegendSquare + kLegendGap, baseline, entries[i].text, kInk);
  }
  return canvas.image();
}

}  // namespace vae
